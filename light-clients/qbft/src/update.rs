use crate::{ConsensusState, Error, Header, MAX_HEADER_BYTES, MAX_VALIDATORS, Qbft, ValidatorSet};
use alloc::vec::Vec;
use light_client::{Codec, Cursor, Timestamp, Transition, Trusted, UpdateOutcome};
use light_client_crypto::{Address, HashSuite, RecoverSuite};
use light_client_proofs::{account, rlp::Reader};

/// A header with what its verification needs: untrusted.
///
/// Encoding: latest consensus state 72 ‖ count of trusted validators 2 ‖ their addresses ‖ header RLP ‖ nodes of the
/// Router's account proof to the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The client's latest state, which the host stores only as its hash.
    pub trusted: ConsensusState,
    /// The addresses of that state's set; none when the header lists the same set.
    pub trusted_validators: Vec<Address>,
    /// The header as a node stores it, with its seals.
    pub header: Vec<u8>,
    /// The nodes from the header's state root to the Router's account, one after another.
    pub account_proof: Vec<u8>,
}

impl Update {
    /// Puts an update together.
    ///
    /// `trusted_validators` is the set of the trusted state when the header lists another one, else `None`.
    /// `account_proof` holds the nodes as `eth_getProof` lists them.
    pub fn new<N: AsRef<[u8]>>(
        trusted: ConsensusState,
        trusted_validators: Option<&ValidatorSet>,
        header: Vec<u8>,
        account_proof: &[N],
    ) -> Self {
        Self {
            trusted,
            trusted_validators: trusted_validators.map(|set| set.addresses().to_vec()).unwrap_or_default(),
            header,
            account_proof: account_proof.iter().flat_map(AsRef::as_ref).copied().collect(),
        }
    }
}

impl Codec for Update {
    type Error = Error;

    fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut cursor = Cursor::new(bytes);
        let trusted = ConsensusState::read(&mut cursor)?;
        let count = usize::from(cursor.take_u16("count of trusted validators")?);
        if count > MAX_VALIDATORS {
            return Err(Error::TooManyValidators { maximum: MAX_VALIDATORS, found: count });
        }
        let mut trusted_validators = Vec::with_capacity(count);
        for _ in 0..count {
            trusted_validators.push(Address::new(cursor.take_array("trusted validator")?));
        }
        let mut rest = Reader::new(cursor.rest());
        let header = read_header(&mut rest)?;
        Ok(Self { trusted, trusted_validators, header, account_proof: rest.rest().to_vec() })
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = self.trusted.preimage().to_vec();
        bytes.extend_from_slice(&u16::try_from(self.trusted_validators.len()).unwrap_or(u16::MAX).to_be_bytes());
        for address in &self.trusted_validators {
            bytes.extend_from_slice(address.as_bytes());
        }
        bytes.extend_from_slice(&self.header);
        bytes.extend_from_slice(&self.account_proof);
        bytes
    }
}

/// Takes the bytes of one header out of a message.
pub(crate) fn read_header(rest: &mut Reader<'_>) -> Result<Vec<u8>, Error> {
    let item = rest.item().map_err(|source| Error::HeaderMalformed {
        field: "list",
        expected: "its canonical rlp",
        source: Some(source),
    })?;
    if item.raw.len() > MAX_HEADER_BYTES {
        return Err(Error::HeaderTooLarge { maximum: MAX_HEADER_BYTES, found: item.raw.len() });
    }
    Ok(item.raw.to_vec())
}

impl<H: HashSuite, R: RecoverSuite> Qbft<H, R> {
    /// See [`light_client::LightClient::verify_update`].
    ///
    /// 1. The client is neither frozen nor expired, and the host passes its latest state.
    /// 2. The header parses. When it is not above the latest height, it must be what is stored there: then nothing
    ///    happens, whatever state the message starts from.
    /// 3. The message starts from the latest state.
    /// 4. The header is certified ([`Qbft::verify_header`]).
    /// 5. The Router's account lies under the header's state root and holds the code that the client pins.
    pub(crate) fn update(
        &self,
        trusted: Trusted<'_, Self>,
        update: &Update,
        now: Timestamp,
    ) -> Result<UpdateOutcome<Self>, Error> {
        let client = trusted.client;
        let parameters = client.parameters();
        // 1.
        if client.is_frozen() {
            return Err(Error::ClientFrozen);
        }
        let latest = client.latest();
        check_state(latest.hash, trusted.consensus)?;
        if client.is_expired(trusted.consensus.time, now) {
            let expiry = client.expiry_seconds(trusted.consensus.time).unwrap_or(u64::MAX);
            return Err(Error::TrustExpired { expiry, now: now.unix_seconds() });
        }
        // 2.
        let header = Header::decode(parameters.kind, &update.header)?;
        let proven_state = || -> Result<ConsensusState, Error> {
            let storage_root = account::prove_contract(
                self.hashes(),
                header.state_root,
                &update.account_proof,
                &parameters.router,
                parameters.router_code_hash,
            )?;
            Ok(ConsensusState { storage_root, time: header.time, set_hash: header.extra.validators.hash() })
        };
        if header.height <= latest.height {
            return match client.hash_at(header.height) {
                Some(stored) if stored == proven_state()?.hash() => Ok(UpdateOutcome::NoOp),
                _ => Err(Error::NotNewer { latest: latest.height, found: header.height }),
            };
        }
        // 3.
        check_state(latest.hash, &update.trusted)?;
        // 4.
        self.verify_header(parameters, &update.trusted, &update.trusted_validators, &header, now)?;
        // 5.
        let consensus = proven_state()?;
        let client = client.advanced(header.height, consensus.hash());
        Ok(UpdateOutcome::Advance(Transition { height: header.height, client, consensus }))
    }
}

/// A consensus state must be the one whose hash is stored.
pub(crate) fn check_state(expected: crate::ConsensusHash, state: &ConsensusState) -> Result<(), Error> {
    let found = state.hash();
    if found == expected { Ok(()) } else { Err(Error::ConsensusStateMismatch { expected, found }) }
}
