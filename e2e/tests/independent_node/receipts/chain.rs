//! A chain with our contracts, seen with other eyes than the relayer's: its own JSON-RPC, its own reading of calls,
//! events and slots, from the protocol's pages alone.

use super::Outcome;
use adapter_evm::Consensus;
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_sol_types::{SolCall, SolEvent, sol};
use e2e::cosmos;
use e2e::json_rpc::Endpoint;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

sol! {
    #[derive(Debug, PartialEq, Eq)]
    enum Location { None, Active, LockPending, Remote, Live, ReturnPending, Gone, Redeemed }

    struct Lineage { bytes32 homeRef; bytes32 uid; bytes32 rootUid; bytes32 parentUid; }
    struct Facts {
        bytes32 custodianId; bytes32 slot; bytes4 unit; uint16 lossBps; uint8 suite; uint32 policy; uint64 issuedAt; uint64 storageUntil;
        uint16 depth; uint64 docVersion; bytes32 docRoot; bytes32 rootsDigest; bytes32 endorseHead;
    }
    struct Content { Lineage lineage; Facts facts; }
    struct Record {
        bytes32 contentHash; uint128 quantity; uint64 epoch; uint64 nonce; address beneficiary; Location location;
        uint8 encumbranceState; uint8 freezeState; uint8 goodsState; uint16 bridge; uint32 lane; address holder; bytes32 encumbrancesHash;
    }
    struct Payload { string sourcePort; string destPort; string version; string encoding; bytes value; }
    struct Packet { uint64 sequence; string sourceClient; string destClient; uint64 timeoutTimestamp; Payload[] payloads; }

    interface Ledger {
        function record(bytes32 key) external view returns (Record);
        function keyOf(bytes32 home, bytes32 uid) external view returns (bytes32);
        event Issued(bytes32 indexed uid, bytes32 indexed custodianId, Content content, uint128 quantity, address beneficiary, address holder);
    }

    interface Bridge {
        function escrow(bytes32 rootUid, string clientId) external view returns (uint128);
        event Departed(bytes32 indexed key, uint32 indexed lane, uint64 sequence, uint64 epoch);
        event Arrived(bytes32 indexed key, uint32 indexed lane, uint64 sequence, uint64 epoch, Lineage lineage, Facts facts);
        event Settled(bytes32 indexed key, uint32 indexed lane, uint64 sequence, uint8 outcome);
    }

    interface Router {
        function client(string id) external view returns (address verifier, string counterpartyId, bytes[] counterpartyPrefix);
        function updateClient(string id, bytes message) external returns (uint8);
        function recvPackets(Packet[] packets, uint64 height, bytes proof) external;
        function batch(bytes[] calls) external returns (bool[] success, bytes[] results);
        event SendPacket(string indexed sourceClient, uint64 indexed sequence, Packet packet);
        event RecvPacket(string indexed destClient, uint64 indexed sequence, address relayer);
        event AckPacket(string indexed sourceClient, uint64 indexed sequence, address relayer);
        event TimeoutPacket(string indexed sourceClient, uint64 indexed sequence, address relayer);
        error TimeoutPassed(uint64 earliest, uint64 found);
    }

    interface LightClient {
        function status() external view returns (uint8 state, uint64 latestHeight, uint64 latestTime);
        function assurance() external view returns (uint8 kind, uint16 k, uint16 n);
        function consensusStateHash(uint64 height) external view returns (bytes32);
        function heightCount() external view returns (uint256);
        function heightAt(uint256 index) external view returns (uint64);
    }
}

/// What is stored of a packet, and the byte of its path. Source: IBC v2, ICS-24.
#[derive(Clone, Copy)]
pub(super) enum Stored {
    /// On the source, until the packet is settled.
    Commitment = 1,
    /// On the destination, once it has received the packet.
    Receipt = 2,
}

/// How the chain's headers become final, and with it where what a client stores of them is read.
#[derive(Clone)]
pub(super) enum Finality {
    /// By seals; everything is in the Ethereum header.
    Qbft,
    /// By votes; everything is in the Tendermint header that a node's other RPC has.
    Tendermint {
        /// The chain id in the headers.
        chain_id: String,
        rpc: Endpoint,
    },
}

/// A chain and where our contracts are on it.
pub(super) struct Chain {
    pub(super) name: &'static str,
    pub(super) endpoint: Endpoint,
    pub(super) finality: Finality,
    /// The client of the other chain.
    pub(super) client: String,
    pub(super) router: Address,
    pub(super) ledger: Address,
    pub(super) bridge: Address,
    /// The first height at which they may have said something.
    pub(super) since: u64,
}

/// A block's place and time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) height: u64,
    /// Unix seconds.
    pub(super) time: u64,
}

/// What a client says of itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ClientView {
    pub(super) active: bool,
    /// Its kind of assurance is Proven.
    pub(super) proven: bool,
    pub(super) height: u64,
    /// SHA-256 of its state at that height.
    pub(super) state: B256,
}

/// A state of the followed chain as a client would store it. Source: the clients' parameters, "consensus state
/// preimage": root ‖ time ‖ hash of the validators.
#[derive(Clone, Copy, Debug)]
pub(super) struct Certified {
    /// Of the router's storage (QBFT), or of all stores (Tendermint).
    pub(super) root: B256,
    /// Unix seconds (QBFT), or nanoseconds (Tendermint).
    pub(super) time: u64,
    /// SHA-256 of the validators (QBFT), or the hash of the next ones as the header has it (Tendermint).
    pub(super) set_hash: B256,
}

#[derive(Deserialize)]
struct Block {
    number: U64,
    timestamp: U64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Log {
    block_number: U64,
    topics: Vec<B256>,
    data: Bytes,
}

/// Part of the answer of `eth_getProof`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccountProof {
    pub(super) account_proof: Vec<Bytes>,
    pub(super) storage_hash: B256,
    pub(super) storage_proof: Vec<StorageProof>,
}

#[derive(Deserialize)]
pub(super) struct StorageProof {
    pub(super) proof: Vec<Bytes>,
}

impl Chain {
    /// The latest block.
    pub(super) fn head(&self) -> Outcome<Head> {
        match &self.finality {
            Finality::Qbft => self.block("latest"),
            Finality::Tendermint { rpc, .. } => self.block_at(cosmos::height(*rpc)?),
        }
    }

    /// The block of a height. Of Tendermint chains the header is asked: a node that has not indexed the newest block's
    /// transactions yet answers an error for the block.
    pub(super) fn block_at(&self, height: u64) -> Outcome<Head> {
        match &self.finality {
            Finality::Qbft => self.block(&format!("{height:#x}")),
            Finality::Tendermint { rpc, .. } => {
                Ok(Head { height, time: cosmos::header_at(*rpc, height)?.unix_nanoseconds / 1_000_000_000 })
            }
        }
    }

    fn block(&self, tag: &str) -> Outcome<Head> {
        let block: Block = self.endpoint.call("eth_getBlockByNumber", json!([tag, false]))?;
        Ok(Head { height: block.number.to(), time: block.timestamp.to() })
    }

    /// Asks a view in the latest block.
    pub(super) fn view<C: SolCall>(&self, to: Address, call: &C) -> Outcome<C::Return> {
        self.view_with(to, call, json!([]))
    }

    /// Asks what a call would return in the latest block if that were of another time. Only go-ethereum can tell.
    pub(super) fn view_at_time<C: SolCall>(&self, to: Address, call: &C, time: u64) -> Outcome<C::Return> {
        self.view_with(to, call, json!([{}, {"time": format!("{time:#x}")}]))
    }

    fn view_with<C: SolCall>(&self, to: Address, call: &C, overrides: Value) -> Outcome<C::Return> {
        let mut parameters = vec![json!({"to": to, "data": Bytes::from(call.abi_encode())}), json!("latest")];
        parameters.extend(overrides.as_array().cloned().unwrap_or_default());
        let answer: Bytes = self.endpoint.call("eth_call", Value::Array(parameters))?;
        C::abi_decode_returns(&answer).map_err(|error| format!("{}: {}: {error}", self.name, C::SIGNATURE).into())
    }

    /// All events of one kind from one contract, each with its height.
    pub(super) fn events<E: SolEvent>(&self, address: Address) -> Outcome<Vec<(u64, E)>> {
        let from = format!("{:#x}", self.since);
        let filter =
            json!([{"address": address, "topics": [E::SIGNATURE_HASH], "fromBlock": from, "toBlock": "latest"}]);
        let logs: Vec<Log> = self.endpoint.call("eth_getLogs", filter)?;
        let read = |log: Log| {
            let event = E::decode_raw_log(log.topics, &log.data);
            event
                .map(|event| (log.block_number.to(), event))
                .map_err(|error| format!("{}: {error}", E::SIGNATURE).into())
        };
        logs.into_iter().map(read).collect()
    }

    /// A receipt's key here.
    pub(super) fn key_of(&self, home: B256, uid: B256) -> Outcome<B256> {
        self.view(self.ledger, &Ledger::keyOfCall { home, uid })
    }

    /// A receipt's record here.
    pub(super) fn record(&self, key: B256) -> Outcome<Record> {
        self.view(self.ledger, &Ledger::recordCall { key })
    }

    /// Base units of a root receipt that are out by the lane.
    pub(super) fn escrow(&self, root: B256) -> Outcome<u128> {
        self.view(self.bridge, &Bridge::escrowCall { rootUid: root, clientId: self.client.clone() })
    }

    /// The storage slot of what is stored of a packet, read as storage and not through the contract. Source: router.md,
    /// "the storage slot SHA-256(path)".
    pub(super) fn stored(&self, what: Stored, sequence: u64, at: &str) -> Outcome<B256> {
        Ok(self.endpoint.call("eth_getStorageAt", json!([self.router, self.slot(what, sequence), at]))?)
    }

    pub(super) fn slot(&self, what: Stored, sequence: u64) -> B256 {
        sha256(&[self.client.as_bytes(), &[what as u8], &sequence.to_be_bytes()])
    }

    /// The contract of the client.
    pub(super) fn verifier(&self) -> Outcome<Address> {
        Ok(self.view(self.router, &Router::clientCall { id: self.client.clone() })?.verifier)
    }

    /// What the client says of itself now.
    pub(super) fn client_view(&self) -> Outcome<ClientView> {
        let verifier = self.verifier()?;
        let status = self.view(verifier, &LightClient::statusCall {})?;
        let height = status.latestHeight;
        Ok(ClientView {
            active: status.state == 0,
            proven: self.view(verifier, &LightClient::assuranceCall {})?.kind == 0,
            height,
            state: self.view(verifier, &LightClient::consensusStateHashCall { height })?,
        })
    }

    /// Every height of which the client has stored a state, ascending.
    pub(super) fn client_heights(&self) -> Outcome<Vec<u64>> {
        let verifier = self.verifier()?;
        let count: u64 = self.view(verifier, &LightClient::heightCountCall {})?.try_into()?;
        (0..count).map(|index| self.view(verifier, &LightClient::heightAtCall { index: U256::from(index) })).collect()
    }

    /// The set in the header of a height, in header order.
    pub(super) fn validators(&self, height: u64) -> Outcome<Vec<Address>> {
        Ok(self.endpoint.call("qbft_getValidatorsByBlockNumber", json!([format!("{height:#x}")]))?)
    }

    /// A header as the node stores it, with seals.
    pub(super) fn raw_header(&self, height: u64) -> Outcome<Bytes> {
        Ok(self.endpoint.call("debug_getRawHeader", json!([format!("{height:#x}")]))?)
    }

    /// The Router's account, and slots in it, with their proofs.
    pub(super) fn router_proof(&self, slots: &[B256], height: u64) -> Outcome<AccountProof> {
        Ok(self.endpoint.call("eth_getProof", json!([self.router, slots, format!("{height:#x}")]))?)
    }

    /// What a client of this chain has to store for a height.
    pub(super) fn certified(&self, height: u64) -> Outcome<Certified> {
        match &self.finality {
            Finality::Qbft => {
                let set: Vec<u8> = self.validators(height)?.iter().flat_map(|address| address.0).collect();
                let root = self.router_proof(&[], height)?.storage_hash;
                Ok(Certified { root, time: self.block_at(height)?.time, set_hash: sha256(&[&set]) })
            }
            Finality::Tendermint { rpc, .. } => {
                let header = cosmos::header_at(*rpc, height)?;
                let (root, set_hash) = (header.app_hash.parse()?, header.next_validators_hash.parse()?);
                Ok(Certified { root, time: header.unix_nanoseconds, set_hash })
            }
        }
    }

    /// Numbers of the packets sent from here that are neither acknowledged nor timed out: by the events, and each of them
    /// by its commitment.
    pub(super) fn in_flight(&self) -> Outcome<BTreeSet<u64>> {
        let mut open: BTreeSet<u64> = self.sent()?.into_iter().map(|packet| packet.sequence).collect();
        for sequence in self.acknowledged()?.into_iter().chain(self.timed_out()?) {
            open.remove(&sequence);
        }
        for sequence in &open {
            // Settled between the two looks is possible, the other way round is not.
            if self.stored(Stored::Commitment, *sequence, "latest")?.is_zero()
                && !self.acknowledged()?.contains(sequence)
            {
                return Err(format!("{}: packet {sequence} has no commitment and no end", self.name).into());
            }
        }
        Ok(open)
    }

    /// Packets sent from here.
    pub(super) fn sent(&self) -> Outcome<Vec<Packet>> {
        Ok(self.events::<Router::SendPacket>(self.router)?.into_iter().map(|(_, event)| event.packet).collect())
    }

    /// Numbers of the packets received here, each as often as it was.
    pub(super) fn received(&self) -> Outcome<Vec<u64>> {
        Ok(self.events::<Router::RecvPacket>(self.router)?.into_iter().map(|(_, event)| event.sequence).collect())
    }

    /// Numbers of the packets sent from here and acknowledged, each as often as it was.
    pub(super) fn acknowledged(&self) -> Outcome<Vec<u64>> {
        Ok(self.events::<Router::AckPacket>(self.router)?.into_iter().map(|(_, event)| event.sequence).collect())
    }

    /// Numbers of the packets sent from here and timed out, each as often as it was.
    pub(super) fn timed_out(&self) -> Outcome<Vec<u64>> {
        Ok(self.events::<Router::TimeoutPacket>(self.router)?.into_iter().map(|(_, event)| event.sequence).collect())
    }
}

impl Finality {
    /// As `adapter-evm` is told it.
    pub(super) fn consensus(&self) -> Outcome<Consensus> {
        Ok(match self {
            Self::Qbft => Consensus::Qbft,
            Self::Tendermint { chain_id, .. } => {
                Consensus::Tendermint { chain_id: chain_id.parse()?, initial_height: 1 }
            }
        })
    }
}

impl Certified {
    /// What the client stores: SHA-256 of the preimage.
    pub(super) fn hash(&self) -> B256 {
        sha256(&[self.root.as_slice(), &self.time.to_be_bytes(), self.set_hash.as_slice()])
    }
}

fn sha256(parts: &[&[u8]]) -> B256 {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    B256::from_slice(&hasher.finalize())
}
