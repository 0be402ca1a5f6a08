//! Takes an ICS-20 transfer of IBC v2 between two chains of ibc-go, there and acknowledged, and another that times out: all
//! that a relayer does, by hand.
//!
//! Both chains are described by the `devnet.json` that `e2e/nodes/simd/start.sh` writes:
//!
//! ```sh
//! cargo run --release -p adapter-cosmos --example cross-simd -- NET_A/devnet.json NET_B/devnet.json
//! ```

#![allow(clippy::print_stdout)]

use adapter::{ChainReader, ChainWriter, Message, Outcome, PacketEvent, Prover, TrustedState};
use adapter_cosmos::{
    AccountKey, ClientParams, CosmosAccount, CosmosChain, CosmosConfig, CosmosReader, CosmosWriter, EndpointConfig,
    Host, KeyKind, TendermintConfig, TendermintProver, TendermintRpc, Transfer, TransferEncoding, voucher_denom,
};
use light_client::{
    Claim, ClientId, Height, MerklePath, Packet, StorePath, Timestamp, acknowledgement_commitment,
    acknowledgement_path, commitment_path, receipt_path,
};
use light_client_tendermint::Commitments;
use serde_json::Value;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

type Failure = Box<dyn std::error::Error>;

/// One chain with all that is needed of it.
struct Side {
    reader: CosmosReader,
    writer: CosmosWriter,
    prover: TendermintProver,
    people: CosmosAccount,
    prefix: Vec<Vec<u8>>,
    token: &'static str,
}

impl Side {
    async fn connect(file: &str) -> Result<Self, Failure> {
        let devnet: Value = serde_json::from_slice(&std::fs::read(file)?)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let endpoint = EndpointConfig::new(text(&devnet["nodes"][0]["rpc"]));
        let rpc =
            TendermintRpc::connect(TendermintConfig::new(text(&devnet["chain_id"]).parse()?, vec![endpoint])).await?;
        // What else has ibc-go: cosmos/evm, with Ethereum's keys.
        let (kind, price, token) = match devnet["node"].as_str() {
            Some("evmd") => (KeyKind::EthSecp256k1, "10000000000aatom", "aatom"),
            _ => (KeyKind::Secp256k1, "0.01stake", "token"),
        };
        let key = |name: &str| -> Result<AccountKey, Failure> {
            let account = &devnet["accounts"][name];
            let key = AccountKey::from_secret(kind, &hex::decode(text(&account["key"]))?)?;
            assert_eq!(key.address("cosmos")?, text(&account["address"]), "the address of a key that the chain made");
            Ok(key)
        };
        let chain = CosmosChain::new(rpc.clone(), CosmosConfig::new("cosmos", price.parse()?));
        let params = ClientParams::new(Commitments::IbcStore { store: b"ibc".to_vec() });
        Ok(Self {
            reader: chain.reader(),
            writer: chain.writer(key("bob")?)?,
            prover: TendermintProver::new(rpc, params, Host::IbcGo)?,
            people: chain.account(key("alice")?)?,
            prefix: vec![b"ibc".to_vec(), Vec::new()],
            token,
        })
    }

    fn path(&self, path: &StorePath) -> MerklePath {
        MerklePath::new(&self.prefix, path)
    }

    async fn head(&self) -> Result<Height, Failure> {
        Ok(self.reader.head().await?.height)
    }

    async fn wait_for(&self, height: Height) -> Result<(), Failure> {
        while self.head().await? < height {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

/// Brings messages that rest on one claim about `proven` to `host`, with the update that the proof needs.
async fn bring(
    proven: &Side,
    host: &Side,
    client: &ClientId,
    claim: Claim,
    since: Height,
    message: impl FnOnce(Height, Vec<u8>) -> Message,
) -> Result<Outcome, Failure> {
    proven.wait_for(since).await?;
    let (state, mut messages) = updated(proven, host, client).await?;
    let proof = proven.prover.prove(&state, &[claim]).await?;
    messages.push(message(proof.height, proof.proof));
    submit(&host.writer, &messages).await
}

async fn submit(writer: &CosmosWriter, messages: &[Message]) -> Result<Outcome, Failure> {
    let nonce = writer.nonces().await?.next_final;
    let signed = writer.sign(messages, nonce).await?;
    writer.broadcast(&signed).await?;
    // Sending it twice is no failure.
    writer.broadcast(&signed).await?;
    let again = writer.sign_again(&signed.raw, nonce, signed.fee).await;
    println!("  {} of {} gas; signed again: {:?}", signed.hash, signed.gas_limit, again.map(|again| again == signed));
    let start = Instant::now();
    loop {
        match writer.outcome(signed.hash).await? {
            Outcome::Included { success: false, failed_items, .. } => return Err(format!("{failed_items:?}").into()),
            outcome @ Outcome::Included { .. } => return Ok(outcome),
            _ if start.elapsed() > Duration::from_secs(60) => return Err("not included".into()),
            _ => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn sent(
    side: &Side,
    client: &ClientId,
    transfer: &Transfer,
    encoding: TransferEncoding,
    seconds: u64,
) -> Result<(Packet, Height), Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let payload = transfer.payload(encoding);
    let (sequences, receipt) = side.people.send_packets(client, now + seconds, &[payload]).await?;
    let events = side.reader.packet_events(receipt.height, receipt.height).await?;
    println!("  sent {sequences:?} in block {}: {} packet events there", receipt.height, events.len());
    let found = side.reader.sent_packet(client, sequences[0]).await?.ok_or("nobody knows of the packet")?;
    assert_eq!(found.height, receipt.height);
    Ok((found.value, receipt.height))
}

/// Takes many packets over in several transactions with sequences one after another, without waiting in between.
async fn many(a: &Side, b: &Side, client_on_a: &ClientId, client_on_b: &ClientId) -> Result<(), Failure> {
    const PACKETS: usize = 200;
    const BATCH: usize = 50;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let (sender, receiver) = (a.people.address().to_owned(), b.people.address().to_owned());
    let transfer = Transfer { denom: a.token.to_owned(), amount: 1, sender, receiver, memo: String::new() };
    let payloads = vec![transfer.payload(TransferEncoding::Protobuf); PACKETS];
    let block = a.people.send_packets(client_on_a, now + 600, &payloads).await?.1.height;
    let start = Instant::now();
    let events = a.reader.packet_events(block, block).await?;
    let packets: Vec<Packet> = events
        .into_iter()
        .filter_map(|event| if let PacketEvent::Sent { packet, .. } = event { Some(packet) } else { None })
        .collect();
    println!("{} packets read after {:.1?}", packets.len(), start.elapsed());
    a.wait_for(a.prover.provable_from(block)).await?;
    let (state, updates) = updated(a, b, client_on_b).await?;
    let mut nonce = b.writer.nonces().await?.next_final;
    let signed = b.writer.sign(&updates, nonce).await?;
    b.writer.broadcast(&signed).await?;
    while b.writer.outcome(signed.hash).await? == Outcome::Unknown {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut hashes = Vec::new();
    for packets in packets.chunks(BATCH) {
        let claim = |packet: &Packet| {
            let path = a.path(&commitment_path(client_on_a, packet.sequence));
            Claim::present(path, *packet.commitment().as_bytes())
        };
        let claims: Vec<Claim> = packets.iter().map(claim).collect();
        let begun = Instant::now();
        let proof = a.prover.prove(&state, &claims).await?;
        let proven = begun.elapsed();
        nonce += 1;
        let receive =
            Message::ReceivePackets { packets: packets.to_vec(), proof_height: proof.height, proof: proof.proof };
        let signed = b.writer.sign(&[receive], nonce).await?;
        let ready = begun.elapsed();
        b.writer.broadcast(&signed).await?;
        let (bytes, sent) = (signed.raw.len(), begun.elapsed());
        println!("  nonce {nonce}: {bytes} bytes, proven {proven:.1?}, signed {ready:.1?}, sent {sent:.1?}");
        hashes.push(signed.hash);
    }
    for hash in hashes {
        let outcome = loop {
            match b.writer.outcome(hash).await? {
                Outcome::Unknown => tokio::time::sleep(Duration::from_millis(50)).await,
                outcome => break outcome,
            }
        };
        println!("  {outcome:?}");
    }
    println!("received after {:.1?}", start.elapsed());
    Ok(())
}

/// What the client on `host` trusts after updates to the head of the chain it follows, and the updates.
async fn updated(followed: &Side, host: &Side, client: &ClientId) -> Result<(TrustedState, Vec<Message>), Failure> {
    let hosted = host.reader.client(client).await?.value.ok_or("the client is gone")?;
    let mut state = TrustedState { height: hosted.latest_height, client: hosted.client, consensus: hosted.consensus };
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let now = Timestamp::from_unix_nanos(u64::try_from(now.as_nanos())?);
    let mut messages = Vec::new();
    for update in followed.prover.updates(&state, followed.head().await?, now).await? {
        messages.push(Message::UpdateClient { client: client.clone(), update: update.update });
        state = update.next;
    }
    Ok((state, messages))
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let [a, b] = files.as_slice() else { return Err("expected two devnet.json".into()) };
    let (a, b) = (Side::connect(a).await?, Side::connect(b).await?);
    println!("heads {} {}", a.head().await?, b.head().await?);

    // The unbonding period of the devnet is 21 days.
    let unbonding = 21 * 24 * 3600;
    let client_on_a = a.people.create_client(&b.prover.bootstrap(None).await?.trusted, unbonding).await?.0;
    let client_on_b = b.people.create_client(&a.prover.bootstrap(None).await?.trusted, unbonding).await?.0;
    assert!(a.reader.client(&client_on_a).await.is_err(), "no counterparty yet");
    a.people.register_counterparty(&client_on_a, &client_on_b, &b.prefix).await?;
    b.people.register_counterparty(&client_on_b, &client_on_a, &a.prefix).await?;
    let hosted = a.reader.client(&client_on_a).await?.value.ok_or("no client")?;
    println!("{client_on_a} on a is {} at {}, follows {}", hosted.status, hosted.latest_height, hosted.counterparty);
    println!("next sequence {}", a.reader.next_sequence_send(&client_on_a).await?.value);

    for encoding in [TransferEncoding::Json, TransferEncoding::Protobuf, TransferEncoding::Abi] {
        let (sender, receiver) = (a.people.address().to_owned(), b.people.address().to_owned());
        let transfer = Transfer { denom: a.token.to_owned(), amount: 7, sender, receiver, memo: String::new() };
        let voucher = voucher_denom(&client_on_b, a.token);
        let before = b.reader.balance(&transfer.receiver, &voucher).await?;
        let start = Instant::now();
        let (packet, block) = sent(&a, &client_on_a, &transfer, encoding, 600).await?;
        let path = a.path(&commitment_path(&client_on_a, packet.sequence));
        let claim = Claim::present(path, *packet.commitment().as_bytes());
        let packets = vec![packet.clone()];
        let receive = |proof_height, proof| Message::ReceivePackets { packets, proof_height, proof };
        let outcome = bring(&a, &b, &client_on_b, claim, a.prover.provable_from(block), receive).await?;
        println!("  received after {:.1?}: {outcome:?}", start.elapsed());
        assert_eq!(b.reader.balance(&transfer.receiver, &voucher).await?, before + 7);
        let receipt = b.reader.value(&receipt_path(&client_on_b, packet.sequence)).await?;
        println!("  packet receipt {:?}", receipt.value);

        let written = b.reader.written_acknowledgement(&client_on_b, packet.sequence).await?;
        let written = written.ok_or("nobody knows of the acknowledgement")?;
        println!("  acknowledgement {:?}", String::from_utf8_lossy(&written.value));
        let path = b.path(&acknowledgement_path(&client_on_b, packet.sequence));
        let claim = Claim::present(path, *acknowledgement_commitment(&[&written.value]).as_bytes());
        let packets = vec![packet.clone()];
        let acknowledgements = vec![written.value];
        let acknowledge =
            |proof_height, proof| Message::AcknowledgePackets { packets, acknowledgements, proof_height, proof };
        let since = b.prover.provable_from(written.height);
        let outcome = bring(&b, &a, &client_on_a, claim, since, acknowledge).await?;
        println!("  acknowledged after {:.1?}: {outcome:?}", start.elapsed());
        assert_eq!(a.reader.value(&commitment_path(&client_on_a, packet.sequence)).await?.value, None);
    }

    // One that nobody receives in time.
    let transfer = Transfer {
        denom: a.token.to_owned(),
        amount: 9,
        sender: a.people.address().to_owned(),
        receiver: b.people.address().to_owned(),
        memo: "too late".to_owned(),
    };
    let (packet, _) = sent(&a, &client_on_a, &transfer, TransferEncoding::Json, 6).await?;
    while b.reader.head().await?.time.unix_seconds() < packet.timeout_seconds {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let before = a.reader.balance(a.people.address(), a.token).await?;
    let since = b.head().await?;
    let claim = Claim::absent(b.path(&receipt_path(&client_on_b, packet.sequence)));
    let packets = vec![packet.clone()];
    let time_out = |proof_height, proof| Message::TimeoutPackets { packets, proof_height, proof };
    let outcome = bring(&b, &a, &client_on_a, claim, since, time_out).await?;
    println!("timed out: {outcome:?}");
    assert_eq!(a.reader.balance(a.people.address(), a.token).await?, before + transfer.amount, "refunded");
    let heights = a
        .reader
        .consensus_heights(&client_on_a, a.reader.client(&client_on_a).await?.value.ok_or("gone")?.latest_height)
        .await?;
    println!("consensus heights {:?}", heights.value);
    let latest = heights.value[0].ok_or("no state")?;
    let told = a.reader.accepted_updates(&client_on_a, latest).await?;
    let submitted = told.into_iter().next().ok_or("nobody knows of the update")?.value;
    println!("update to {latest} came in {} from {}", submitted.transaction, submitted.submitter);
    let told = b.prover.header_of_update(&submitted.messages[0]);
    println!("its header: {:?}", told.map(|header| (header.height, header.hash)));

    many(&a, &b, &client_on_a, &client_on_b).await?;

    // A transaction that does nothing frees a sequence; messages that were made already are refused before they cost anything.
    let nonce = a.writer.nonces().await?;
    println!("nonces {nonce:?}");
    let cancel = a.writer.sign_cancel(nonce.next_final, adapter::FeeBump::First).await?;
    a.writer.broadcast(&cancel).await?;
    while a.writer.outcome(cancel.hash).await? == Outcome::Unknown {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("cancelled: {:?}, next {}", a.writer.outcome(cancel.hash).await?, a.writer.nonces().await?.next_final);
    Ok(())
}
