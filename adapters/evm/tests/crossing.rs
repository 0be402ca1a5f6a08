//! A receipt crosses between two chains through this adapter alone, and comes back.
#![allow(clippy::unwrap_used)]

mod support;

use adapter::{ChainReader as _, Message, Outcome, PacketEvent, Plan, Prover as _};
use adapter_devchain::Fork;
use adapter_evm::receipts::Location;
use light_client::{
    Claim, ErasedTrusted, Packet, Sequence, Status, acknowledgement_commitment, acknowledgement_path, commitment_path,
    receipt_path,
};
use support::{Side, facts, linked, node, now, update_messages};

/// Brings a packet to the destination and its acknowledgement back.
async fn carry(source: &Side, destination: &Side, packet: &Packet) {
    let (updates, trusted) = source.updates_for(destination).await;
    let claim =
        Claim::present(commitment_path(&packet.source_client, packet.sequence), *packet.commitment().as_bytes());
    assert_eq!(
        source.prover.plan(std::slice::from_ref(&claim), trusted.height).await.unwrap(),
        Plan::Ready(trusted.height)
    );
    let proof = source.prover.prove(&trusted, &[claim]).await.unwrap();
    let mut messages = update_messages(destination, &updates);
    messages.push(Message::ReceivePackets {
        packets: vec![packet.clone()],
        proof_height: proof.height,
        proof: proof.proof,
    });
    let (signed, outcome) = destination.submit(&messages).await;
    let Outcome::Included { success, gas_used, failed_items, .. } = outcome else { unreachable!() };
    assert!(success && failed_items.is_empty(), "{failed_items:?}");
    assert!(gas_used <= signed.gas_limit);

    let (updates, trusted) = destination.updates_for(source).await;
    let found = destination.reader.written_acknowledgement(&packet.destination_client, packet.sequence).await.unwrap();
    let acknowledgement = found.unwrap().value;
    let value = acknowledgement_commitment(&[&acknowledgement]);
    let path = acknowledgement_path(&packet.destination_client, packet.sequence);
    let proof = destination.prover.prove(&trusted, &[Claim::present(path, *value.as_bytes())]).await.unwrap();
    let mut messages = update_messages(source, &updates);
    messages.push(Message::AcknowledgePackets {
        packets: vec![packet.clone()],
        acknowledgements: vec![acknowledgement],
        proof_height: proof.height,
        proof: proof.proof,
    });
    let (_, outcome) = source.submit(&messages).await;
    let Outcome::Included { success: true, failed_items, .. } = outcome else { panic!("{outcome:?}") };
    assert!(failed_items.is_empty(), "{failed_items:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_crosses_and_comes_back() {
    let (a, b) = linked(node(91_001, Fork::Berlin).await, node(91_002, Fork::Cancun).await).await;
    let hosted = a.reader.client(&a.client).await.unwrap().value.unwrap();
    assert_eq!((hosted.status, hosted.counterparty.clone()), (Status::Active, b.client.clone()));
    let unknown = "qbft-99".parse().unwrap();
    assert_eq!(a.reader.client(&unknown).await.unwrap().value, None);
    assert_eq!(a.reader.next_sequence_send(&unknown).await.unwrap().value, 0);
    assert_eq!(a.reader.next_sequence_send(&a.client).await.unwrap().value, 1);

    let owner = a.owner.address();
    let (issued, _) = a.receipts.issue(&a.owner, [1; 32], &facts(), 5_000, owner, owner).await.unwrap();
    let record = a.receipts.record(issued.key).await.unwrap();
    assert_eq!(
        (record.location, record.quantity, record.content_hash),
        (Location::Active, 5_000, issued.content.hash())
    );

    let there = b.owner.address();
    let timeout = now() + 3_600;
    let (sequence, receipt) =
        a.receipts.lock(&a.owner, &a.client, &issued.content, there, there, timeout).await.unwrap();
    assert_eq!(sequence, Sequence::FIRST);
    let packet = a.reader.sent_packet(&a.client, sequence).await.unwrap().unwrap();
    assert_eq!(packet.height, receipt.height);
    let packet = packet.value;
    let stored = a.reader.value(&commitment_path(&a.client, sequence)).await.unwrap().value;
    assert_eq!(stored, Some(packet.commitment()));

    carry(&a, &b, &packet).await;
    let key = b.receipts.key_of(a.home_ref, issued.content.lineage.uid).await.unwrap();
    assert_eq!(b.receipts.record(key).await.unwrap().location, Location::Live);
    assert_eq!(a.receipts.record(issued.key).await.unwrap().location, Location::Remote);
    assert_eq!(a.receipts.escrow(issued.content.lineage.root_uid, &a.client).await.unwrap(), 5_000);
    let known = b.receipts.known_now().await.unwrap();
    assert_eq!(
        known.iter().map(|k| (k.key, k.content, k.issued_here)).collect::<Vec<_>>(),
        [(key, issued.content, false)]
    );

    let (sequence, _) = b.receipts.return_receipt(&b.owner, &known[0].content, owner, owner, timeout).await.unwrap();
    let back = b.reader.sent_packet(&b.client, sequence).await.unwrap().unwrap().value;
    carry(&b, &a, &back).await;
    assert_eq!(a.receipts.record(issued.key).await.unwrap().location, Location::Active);
    assert_eq!(b.receipts.record(key).await.unwrap().location, Location::Gone);
    a.receipts.redeem(&a.owner, issued.key).await.unwrap();
    assert_eq!(a.receipts.record(issued.key).await.unwrap().location, Location::Redeemed);

    // The reader tells the whole story, in order.
    let events = a.reader.packet_events(light_client::Height::new(0), a.head().await).await.unwrap();
    assert!(
        matches!(
            events.as_slice(),
            [
                PacketEvent::Sent { .. },
                PacketEvent::Settled { timed_out: false, .. },
                PacketEvent::Received { .. },
                PacketEvent::Acknowledged { .. },
            ]
        ),
        "{events:?}"
    );

    // What the contract stores of its client is what the light client here makes of it.
    let hosted = b.reader.client(&b.client).await.unwrap().value.unwrap();
    let trusted = ErasedTrusted { height: hosted.latest_height, client: &hosted.client, consensus: &hosted.consensus };
    let status = a.prover.light_client().status(trusted, support::timestamp()).unwrap();
    assert_eq!(status, hosted.status);
    let [lower, upper] = b.reader.consensus_heights(&b.client, hosted.latest_height).await.unwrap().value;
    assert_eq!((lower, upper), (Some(hosted.latest_height), None));
    let first = b.reader.consensus_heights(&b.client, light_client::Height::new(0)).await.unwrap().value;
    assert!(first[0].is_none() && first[1].is_some(), "{first:?}");
    let state = b.reader.consensus_state(&b.client, first[1].unwrap()).await.unwrap().value;
    assert_eq!(state.map(|state| state.len()), Some(72));
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_are_decided_by_proof() {
    let (a, b) = linked(node(91_011, Fork::London).await, node(91_012, Fork::London).await).await;
    let owner = a.owner.address();
    let (issued, _) = a.receipts.issue(&a.owner, [1; 32], &facts(), 5_000, owner, owner).await.unwrap();
    let (sequence, _) =
        a.receipts.lock(&a.owner, &a.client, &issued.content, owner, owner, now() + 3_600).await.unwrap();
    let packet = a.reader.sent_packet(&a.client, sequence).await.unwrap().unwrap().value;
    let (_, trusted) = a.updates_for(&b).await;
    let there = commitment_path(&a.client, sequence);
    let value = *packet.commitment().as_bytes();
    let second = Sequence::try_from(2).unwrap();
    let claims = [
        Claim::present(there.clone(), value),
        Claim::present(there.clone(), [9; 32]),
        Claim::absent(there.clone()),
        Claim::absent(receipt_path(&a.client, second)),
        Claim::present(receipt_path(&a.client, second), value),
    ];
    assert_eq!(a.prover.decide(&trusted, &claims).await.unwrap(), [true, false, false, true, false]);
    // One proof for two claims; the order is the caller's.
    let both = [claims[3].clone(), claims[0].clone()];
    let proof = a.prover.prove(&trusted, &both).await.unwrap();
    let state = ErasedTrusted { height: trusted.height, client: &trusted.client, consensus: &trusted.consensus };
    assert!(a.prover.light_client().verify(state, &proof.proof, &both).is_ok());
    for (index, rule) in [(1, "value-mismatch"), (2, "value-present"), (4, "value-absent")] {
        let refusal = a.prover.prove(&trusted, &claims[index..=index]).await.unwrap_err();
        let adapter::AdapterError::Verification { source, .. } = &refusal else { panic!("{refusal}") };
        assert_eq!(light_client::Fault::rule(source), rule);
    }
    // A node that proves that a claim is wrong has not lied.
    assert!(a.chain.endpoints().iter().all(|endpoint| endpoint.lies == 0));
    let refusal = a.prover.prove(&trusted, &[]).await.unwrap_err();
    let adapter::AdapterError::Verification { source, .. } = &refusal else { panic!("{refusal}") };
    assert_eq!(light_client::Fault::rule(source), "claims-empty");
}
