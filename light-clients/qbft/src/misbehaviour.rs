use crate::{
    ClientState, ConsensusState, Error, Header, Qbft, SetHash,
    update::{check_state, read_header},
};
use alloc::vec::Vec;
use light_client::{Codec, Cursor, Height, Trusted};
use light_client_crypto::{HashSuite, RecoverSuite};
use light_client_proofs::{account, rlp::Reader};

/// The longest account proof in evidence: its length has two bytes. No update has a longer one, so that no header of which
/// the client was told is beyond evidence: a key has 64 nibbles, and 64 full branches with a leaf are 34,200 bytes.
pub const MAX_ACCOUNT_PROOF_BYTES: usize = u16::MAX as usize;

/// A stored state as evidence names it: the host knows its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateAt {
    /// Its height.
    pub height: Height,
    /// The state.
    pub state: ConsensusState,
}

/// Two headers of one height, each with the proof that binds it to the chain, and the stored states around it: untrusted.
///
/// Encoding: lower height 8 ‖ its state 72 ‖ flag 1 (1: followed by the upper height 8 ‖ its state 72) ‖ twice (header RLP
/// ‖ length 2 ‖ that many bytes of nodes of the Router's account proof), nothing after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// A stored state that is not above the headers' height. At a height where a state is stored, that is either this one
    /// or the upper.
    pub lower: StateAt,
    /// The next stored one, not below the headers'; none exactly when the lower is the latest.
    pub upper: Option<StateAt>,
    /// The headers as nodes store them.
    pub headers: [Vec<u8>; 2],
    /// Of each header, the nodes from its state root to the Router's account, one after another.
    pub account_proofs: [Vec<u8>; 2],
}

impl Evidence {
    /// Puts evidence together.
    pub const fn new(
        lower: StateAt,
        upper: Option<StateAt>,
        headers: [Vec<u8>; 2],
        account_proofs: [Vec<u8>; 2],
    ) -> Self {
        Self { lower, upper, headers, account_proofs }
    }
}

impl Codec for Evidence {
    type Error = Error;

    fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut cursor = Cursor::new(bytes);
        let lower = read_state(&mut cursor)?;
        let upper = match cursor.take_array("flag")? {
            [0] => None,
            [1] => Some(read_state(&mut cursor)?),
            [found] => return Err(Error::EvidenceMalformed { expected: "a flag of 0 or 1", found: found.into() }),
        };
        let (first, first_proof) = read_bound_header(&mut cursor)?;
        let (second, second_proof) = read_bound_header(&mut cursor)?;
        if !cursor.rest().is_empty() {
            let expected = "nothing after the second header's account proof";
            return Err(Error::EvidenceMalformed { expected, found: cursor.rest().len() });
        }
        Ok(Self { lower, upper, headers: [first, second], account_proofs: [first_proof, second_proof] })
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut write = |at: &StateAt| {
            bytes.extend_from_slice(&at.height.number().to_be_bytes());
            bytes.extend_from_slice(&at.state.preimage());
        };
        write(&self.lower);
        match &self.upper {
            None => bytes.push(0),
            Some(upper) => {
                bytes.push(1);
                bytes.extend_from_slice(&upper.height.number().to_be_bytes());
                bytes.extend_from_slice(&upper.state.preimage());
            }
        }
        for (header, nodes) in self.headers.iter().zip(&self.account_proofs) {
            bytes.extend_from_slice(header);
            bytes.extend_from_slice(&u16::try_from(nodes.len()).unwrap_or(u16::MAX).to_be_bytes());
            bytes.extend_from_slice(nodes);
        }
        bytes
    }
}

fn read_state(cursor: &mut Cursor<'_>) -> Result<StateAt, Error> {
    let height = Height::new(cursor.take_u64("height")?);
    Ok(StateAt { height, state: ConsensusState::read(cursor)? })
}

/// Takes one header and the nodes of its account proof.
fn read_bound_header(cursor: &mut Cursor<'_>) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let header = read_header(&mut Reader::new(cursor.rest()))?;
    cursor.take("header", header.len())?;
    let length = usize::from(cursor.take_u16("length of an account proof")?);
    Ok((header, cursor.take("account proof", length)?.to_vec()))
}

impl<H: HashSuite, R: RecoverSuite> Qbft<H, R> {
    /// See [`light_client::LightClient::verify_misbehaviour`].
    ///
    /// 1. The client is not frozen.
    /// 2. The headers parse, are of one height, and are two blocks. (Another round or other seals make no other block.)
    /// 3. The states named are stored ones next to each other, around that height.
    /// 4. At least one header lists the lower state's set: nobody honest seals a header that lists a set which is not valid
    ///    there, so one that a quorum of that set sealed shows that it was. The other header may list any set, since
    ///    certifying a second block with a set of one's own choosing is what an attack looks like.
    /// 5. *Both* are sealed by a quorum of that set, and by nobody else; never by a skipping threshold.
    /// 6. Under the state root of *each* lies the Router's account with the code that the client pins, as in an update: a
    ///    seal names no chain, the code does. So a block of another chain with the same validators is no evidence (ADR 11).
    ///
    /// What the client stored above the lower state takes nothing back of that: a header that it was misled by is shown to
    /// be forged like any other (ADR 9).
    pub(crate) fn misbehaviour(
        &self,
        trusted: [Trusted<'_, Self>; 2],
        evidence: &Evidence,
    ) -> Result<ClientState, Error> {
        let client = trusted[0].client;
        // 1.
        if client.is_frozen() {
            return Err(Error::ClientFrozen);
        }
        // 2.
        let parameters = client.parameters();
        let kind = parameters.kind;
        let [first, second] =
            [Header::decode(kind, &evidence.headers[0])?, Header::decode(kind, &evidence.headers[1])?];
        let height = self.check_two_blocks(&first, &second)?;
        // 3.
        check_neighbours(client, evidence, height)?;
        let named = [Some(evidence.lower), evidence.upper.or(Some(evidence.lower))];
        for (host, named) in trusted.iter().zip(named.iter().flatten()) {
            check_state(host.consensus.hash(), &named.state)?;
        }
        // 4. and 5.
        self.check_both_sealed(evidence.lower.state.set_hash, &first, &second)?;
        // 6.
        for (header, nodes) in [&first, &second].into_iter().zip(&evidence.account_proofs) {
            let (router, code_hash) = (&parameters.router, parameters.router_code_hash);
            account::prove_contract(self.hashes(), header.state_root, nodes, router, code_hash)?;
        }
        Ok(client.frozen())
    }

    /// Verifies that two headers are different blocks of one height, which the set with this hash certified both: rules 2, 4
    /// and 5 of evidence. Of which chain they are, no header says; evidence shows that besides.
    ///
    /// # Errors
    /// [`Error::HeightsDiffer`], [`Error::HeadersIdentical`], [`Error::SetUnknownAtHeight`], and those of constants and
    /// seals.
    pub fn verify_conflict(&self, set_hash: SetHash, first: &Header<'_>, second: &Header<'_>) -> Result<(), Error> {
        self.check_two_blocks(first, second)?;
        self.check_both_sealed(set_hash, first, second)
    }

    /// The one height of two different blocks.
    fn check_two_blocks(&self, first: &Header<'_>, second: &Header<'_>) -> Result<Height, Error> {
        if first.height != second.height {
            return Err(Error::HeightsDiffer { first: first.height, second: second.height });
        }
        let found = first.hash(self.hashes());
        if found == second.hash(self.hashes()) {
            return Err(Error::HeadersIdentical { found });
        }
        Ok(first.height)
    }

    /// One of the headers lists the set with this hash, and a quorum of it sealed both.
    fn check_both_sealed(&self, expected: SetHash, first: &Header<'_>, second: &Header<'_>) -> Result<(), Error> {
        let listed = |header: &Header<'_>| header.extra.validators.hash() == expected;
        let set = match (listed(first), listed(second)) {
            (true, _) => &first.extra.validators,
            (_, true) => &second.extra.validators,
            _ => return Err(Error::SetUnknownAtHeight { expected, found: first.extra.validators.hash() }),
        };
        self.verify_sealed_by(first, set)?;
        self.verify_sealed_by(second, set)
    }
}

/// The states named are stored, next to each other, and `height` is neither below the lower nor above the upper.
fn check_neighbours(client: &ClientState, evidence: &Evidence, height: Height) -> Result<(), Error> {
    let lower = evidence.lower.height;
    let unknown = |expected: Option<Height>, found: Option<Height>| Error::ConsensusStateUnknown { expected, found };
    match client.hash_at(lower) {
        Some(stored) if lower <= height => check_state(stored, &evidence.lower.state)?,
        _ => return Err(unknown(client.at_or_below(height).map(|state| state.height), Some(lower))),
    }
    match (client.next_above(lower), &evidence.upper) {
        (None, None) => Ok(()),
        (Some(next), Some(upper)) if next.height == upper.height && height <= upper.height => {
            check_state(next.hash, &upper.state)
        }
        (next, upper) => Err(unknown(next.map(|state| state.height), upper.map(|upper| upper.height))),
    }
}
