//! A chain in a folder: kept, replayed, cut, refused.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use adapter_devchain::{Chain, ChainConfig, ChainError, Fork, KeyType, LOG_FILE, TendermintConfig};
use alloy_primitives::{Address, Bytes, TxKind, keccak256};
use support::*;

const FULL_FOLDER: &str = "DEVCHAIN_TEST_FULL_FOLDER";
const CHILD_FOLDER: &str = "DEVCHAIN_TEST_FOLDER";

fn open(folder: &Path) -> Result<Chain, ChainError> {
    Chain::in_folder(config(), folder)
}

fn headers(chain: &Chain) -> Vec<Bytes> {
    (0..=chain.latest()).map(|height| chain.raw_header(height).expect("sealed")).collect()
}

/// Votes, rounds, contracts and values: a bit of everything.
fn fill(chain: &Chain) {
    let contract = deploy(chain, 0, NOW);
    let keys = chain.config().account_keys();
    chain.propose(chain.config().validator_keys()[4].address(), true, None).expect("known voters");
    let first = chain.validators_at(0).expect("genesis")[3];
    for nonce in 0..6 {
        chain.submit(&signed(&keys[1], legacy(nonce, TxKind::Call(contract), store(nonce, 1)))).expect("taken");
        chain.submit(&signed(&keys[2], eip1559(nonce, TxKind::Call(Address::ZERO), 5, 1))).expect("taken");
        chain.set_online(first, nonce != 2).expect("known");
        chain.seal_block(NOW + nonce).expect("sealed");
    }
}

fn log(folder: &Path) -> PathBuf {
    folder.join(LOG_FILE)
}

#[test]
fn a_chain_is_replayed_and_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let before = {
        let chain = open(folder.path()).expect("a new chain");
        fill(&chain);
        headers(&chain)
    };
    let chain = open(folder.path()).expect("the same chain");
    assert_eq!(headers(&chain), before);
    assert_eq!(chain.validators_at(chain.latest()).expect("sealed").len(), 5);
    chain.seal_block(NOW + 9).expect("goes on");
    let after = headers(&chain);
    drop(chain);
    assert_eq!(headers(&open(folder.path()).expect("again")), after);

    // The same course in memory gives the same bytes.
    let twin = Chain::in_memory(config()).expect("a chain");
    fill(&twin);
    assert_eq!(headers(&twin), before);
}

#[test]
fn a_chain_under_tendermint_is_replayed_and_goes_on() {
    for key_type in KEY_TYPES {
        let folder = tempfile::tempdir().expect("a folder");
        let config = || ChainConfig { epoch: 5, ..bsn(key_type) };
        let open = || Chain::in_folder(config(), folder.path());
        let blocks = |chain: &Chain| -> Vec<Option<serde_json::Value>> {
            (0..=chain.latest()).map(|height| chain.light_block(height)).collect()
        };
        let fill = |chain: &Chain| {
            let contract = deploy(chain, 0, NOW);
            let keys = chain.config().account_keys();
            chain.set_power(validator(chain, 4), 17, None).expect("known");
            for nonce in 0..8 {
                chain.submit(&signed(&keys[1], legacy(nonce, TxKind::Call(contract), store(nonce, 1)))).expect("taken");
                chain.set_online(validator(chain, 3), nonce % 3 != 2).expect("known");
                chain.seal_block(NOW + nonce).expect("sealed");
            }
        };
        let before = {
            let chain = open().expect("a new chain");
            fill(&chain);
            assert_eq!(chain.validators_at(chain.latest()).expect("sealed").len(), 5, "ballots were decided");
            blocks(&chain)
        };
        let chain = open().expect("the same chain");
        assert_eq!(blocks(&chain), before);
        chain.seal_block(NOW + 9).expect("goes on");
        let after = blocks(&chain);
        drop(chain);
        assert_eq!(blocks(&open().expect("again")), after);

        // The same course in memory gives the same bytes.
        let twin = Chain::in_memory(config()).expect("a chain");
        fill(&twin);
        assert_eq!(blocks(&twin), before);
        let other = |key_type| Chain::in_folder(bsn(key_type), folder.path()).expect_err("another chain");
        for failure in KEY_TYPES.map(other) {
            assert!(matches!(failure, ChainError::OtherChain { .. }), "{failure}");
        }
        let named = TendermintConfig::new("bsn-dev-2", key_type);
        let failure =
            Chain::in_folder(ChainConfig { epoch: 5, ..bsn_with(named) }, folder.path()).expect_err("another");
        assert!(matches!(failure, ChainError::OtherChain { .. }), "{failure}");
    }
}

#[test]
fn a_stored_block_of_tendermint_that_does_not_follow_is_refused_though_its_checksum_fits() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || Chain::in_folder(bsn(KeyType::Ed25519), folder.path());
    let chain = open().expect("a new chain");
    chain.propose(validator(&chain, 4), true, None).expect("known");
    deploy(&chain, 0, NOW);
    let candidate = validator(&chain, 4);
    let (hash, block) = (chain.hash(1).expect("sealed"), chain.light_block(1).expect("sealed"));
    drop(chain);
    let good = fs::read(log(folder.path())).expect("a log");
    // Magic 8, identity 32; then length 4, checksum 8, payload.
    let payload = good[52..].to_vec();
    let place = |of: &[u8]| payload.windows(of.len()).position(|window| window == of).expect("it stands there");
    let at_signature = {
        use base64::Engine as _;
        let vote = &block["signed_header"]["commit"]["signatures"][2]["signature"];
        let signature = base64::engine::general_purpose::STANDARD.decode(vote.as_str().expect("a text"));
        place(&signature.expect("base64"))
    };
    let at_hash = place(hash.as_slice());
    for (field, at) in [
        ("header", at_hash),
        // The application hash stands behind the header's, with a byte for its length.
        ("application hash", at_hash + 33),
        ("header", place(&(NOW as u32).to_be_bytes()) + 3),
        ("header", place(candidate.as_slice())),
        ("header", place(&store_runtime())),
        ("votes", at_signature),
        ("votes", at_signature - 1),
    ] {
        let mut bent = payload.clone();
        bent[at] ^= 1;
        fs::write(log(folder.path()), [&good[..44], &keccak256(&bent)[..8], &bent].concat()).expect("written");
        let failure = open().expect_err(field);
        assert!(
            matches!(&failure, ChainError::Replay { field: found, number: 1, .. } if *found == field),
            "{field}: {failure}"
        );
    }
    fs::write(log(folder.path()), &good).expect("written");
    open().expect("the real one");
}

#[test]
fn whatever_a_kill_leaves_of_the_last_write_is_cut_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let chain = open(folder.path()).expect("a new chain");
    let mut ends = vec![fs::metadata(log(folder.path())).expect("a log").len()];
    let contract = deploy(&chain, 0, NOW);
    ends.push(fs::metadata(log(folder.path())).expect("a log").len());
    let key = &chain.config().account_keys()[1];
    for nonce in 0..3 {
        chain.submit(&signed(key, legacy(nonce, TxKind::Call(contract), store(nonce, 1)))).expect("taken");
        chain.seal_block(NOW).expect("sealed");
        ends.push(fs::metadata(log(folder.path())).expect("a log").len());
    }
    let whole = headers(&chain);
    drop(chain);
    let bytes = fs::read(log(folder.path())).expect("a log");
    for length in 0..=bytes.len() {
        // All lengths near the ends of records, and a sample of the others.
        let near = ends.iter().any(|end| (*end as usize).abs_diff(length) < 16);
        if !near && length % 97 != 0 {
            continue;
        }
        let cut = tempfile::tempdir().expect("a folder");
        fs::write(log(cut.path()), &bytes[..length]).expect("written");
        let chain = open(cut.path()).unwrap_or_else(|error| panic!("{length} bytes: {error}"));
        let kept = ends.iter().skip(1).filter(|end| **end as usize <= length).count() as u64;
        assert_eq!(chain.latest(), kept, "{length} bytes");
        assert_eq!(headers(&chain), whole[..=kept as usize]);
        assert_eq!(
            fs::metadata(log(cut.path())).expect("a log").len(),
            ends[kept as usize],
            "nothing of the torn record stays"
        );
        chain.seal_block(NOW).expect("goes on");
        drop(chain);
        assert_eq!(open(cut.path()).expect("again").latest(), kept + 1);
    }
    // After a power cut the end may be zeros.
    let zeros = tempfile::tempdir().expect("a folder");
    fs::write(log(zeros.path()), [bytes.as_slice(), &[0; 500]].concat()).expect("written");
    assert_eq!(headers(&open(zeros.path()).expect("cut")), whole);
}

#[test]
fn a_flipped_bit_before_the_end_is_named_and_nothing_is_cut() {
    let folder = tempfile::tempdir().expect("a folder");
    fill(&open(folder.path()).expect("a new chain"));
    let good = fs::read(log(folder.path())).expect("a log");
    let mut bad = good.clone();
    bad[300] ^= 1;
    fs::write(log(folder.path()), &bad).expect("written");
    let failure = open(folder.path()).expect_err("corrupt");
    assert!(matches!(failure, ChainError::CorruptLog { offset: 40, .. }), "{failure}");
    assert_eq!(fs::read(log(folder.path())).expect("a log"), bad);
}

#[test]
fn a_stored_block_that_does_not_follow_is_refused_though_its_checksum_fits() {
    let folder = tempfile::tempdir().expect("a folder");
    let chain = open(folder.path()).expect("a new chain");
    deploy(&chain, 0, NOW);
    let header = chain.header(1).expect("sealed");
    let listed = chain.validators_at(1).expect("sealed")[1];
    let sender = chain.config().account_keys()[0].address();
    drop(chain);
    let good = fs::read(log(folder.path())).expect("a log");
    // Magic 8, identity 32; then length 4, checksum 8, payload.
    let payload = good[52..].to_vec();
    let with = |from: &[u8], to: &[u8]| {
        let at = payload.windows(from.len()).position(|window| window == from).expect("it stands there");
        let mut payload = payload.clone();
        payload[at..at + to.len()].copy_from_slice(to);
        [&good[..44], &keccak256(&payload)[..8], &payload].concat()
    };
    let other = [0x55; 32];
    for (field, bytes) in [
        ("header", with(header.state_root.as_slice(), &other)),
        ("header", with(header.receipts_root.as_slice(), &other)),
        ("parent", with(header.parent_hash.as_slice(), &other)),
        ("proposer", with(header.beneficiary.as_slice(), &other[..20])),
        ("validators", with(listed.as_slice(), &other[..20])),
        ("seals", with(&NOW.to_be_bytes()[4..], &(NOW as u32 + 1).to_be_bytes())),
        // Another input recovers to another sender, who can deploy as well at price 0; the state is then another.
        ("header", with(&store_runtime(), &[0x5b])),
    ] {
        fs::write(log(folder.path()), bytes).expect("written");
        let failure = open(folder.path()).expect_err(field);
        assert!(
            matches!(&failure, ChainError::Replay { field: found, number: 1, .. } if *found == field),
            "{field}: {failure}"
        );
    }
    fs::write(log(folder.path()), &good).expect("written");
    let chain = open(folder.path()).expect("the real one");
    assert_eq!(chain.next_nonce(sender), 1);
}

#[test]
fn a_folder_of_another_chain_or_in_use_is_refused_untouched() {
    let folder = tempfile::tempdir().expect("a folder");
    let chain = open(folder.path()).expect("a new chain");
    chain.seal_block(NOW).expect("sealed");
    let failure = open(folder.path()).expect_err("in use");
    assert!(matches!(failure, ChainError::FolderInUse { .. }), "{failure}");
    drop(chain);
    let bytes = fs::read(log(folder.path())).expect("a log");
    for other in [
        ChainConfig { chain_id: 1338, ..config() },
        ChainConfig { seed: "other".to_owned(), ..config() },
        ChainConfig { fork: Fork::Berlin, ..config() },
        ChainConfig { epoch: 7, ..config() },
        ChainConfig { accounts: 9, ..config() },
        ChainConfig { gas_limit: 50_000_000, ..config() },
    ] {
        let failure = Chain::in_folder(other, folder.path()).expect_err("another chain");
        assert!(matches!(failure, ChainError::OtherChain { .. }), "{failure}");
    }
    assert_eq!(fs::read(log(folder.path())).expect("a log"), bytes);
    fs::write(log(folder.path()), b"these are my holiday notes, do not delete them").expect("written");
    let failure = open(folder.path()).expect_err("not a log");
    assert!(matches!(failure, ChainError::LogHeader { .. }), "{failure}");
    fs::write(log(folder.path()), b"notes").expect("written");
    open(folder.path()).expect_err("not a log");
    assert_eq!(fs::read(log(folder.path())).expect("notes"), b"notes");
}

/// Not a test of its own: the process whose files may not grow any further.
#[test]
fn child_that_seals_until_the_disk_is_full() {
    let Some(folder) = std::env::var_os(FULL_FOLDER) else { return };
    let chain = open(Path::new(&folder)).expect("a chain");
    let key = &chain.config().account_keys()[0];
    let length = || fs::metadata(log(Path::new(&folder))).expect("a log").len();
    let failure = loop {
        let (height, before) = (chain.latest(), length());
        let nonce = chain.next_nonce(key.address());
        chain.submit(&signed(key, legacy(nonce, TxKind::Create, init_code(&store_runtime())))).expect("taken");
        match chain.seal_block(NOW) {
            Ok(block) => assert!(block.number < 1_000, "the limit must be met"),
            Err(failure) => {
                assert_eq!((chain.latest(), chain.waiting()), (height, 1), "nothing has changed");
                assert_eq!(length(), before, "what did not fit is taken back");
                break failure;
            }
        }
    };
    assert!(matches!(failure, ChainError::Io { action: "write", .. }), "{failure}");
    let again = chain.seal_block(NOW).expect_err("still full");
    assert!(matches!(again, ChainError::Io { action: "write", .. }), "{again}");
    fs::write(Path::new(&folder).join("height"), chain.latest().to_string()).expect("written");
}

#[test]
fn a_full_disk_stops_blocks_and_loses_none() {
    let folder = tempfile::tempdir().expect("a folder");
    // The shell limits the size of files to 32 KiB (64 blocks of 512 bytes) and has writes beyond it fail instead of killing.
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$0\" --exact child_that_seals_until_the_disk_is_full";
    let status = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().expect("this test"))
        .env(FULL_FOLDER, folder.path())
        .stdout(Stdio::null())
        .status()
        .expect("a shell");
    assert!(status.success());
    let height: u64 =
        fs::read_to_string(folder.path().join("height")).expect("it came to the end").parse().expect("a number");
    assert!(height > 3);
    let chain = open(folder.path()).expect("replayed");
    assert_eq!(chain.latest(), height);
    chain.seal_block(NOW).expect("there is room again");
}

/// Not a test of its own: the process that the next one kills.
#[test]
fn child_that_seals_until_it_is_killed() {
    let Some(folder) = std::env::var_os(CHILD_FOLDER) else { return };
    let chain = open(Path::new(&folder)).expect("a chain");
    let key = &chain.config().account_keys()[0];
    let end = Instant::now() + Duration::from_secs(60);
    while Instant::now() < end {
        let nonce = chain.next_nonce(key.address());
        chain.submit(&signed(key, legacy(nonce, TxKind::Create, init_code(&store_runtime())))).expect("taken");
        let block = chain.seal_block(NOW).expect("sealed");
        // What was seen by anybody must still be there after the kill.
        fs::write(Path::new(&folder).join("seen"), format!("{} {}", block.number, block.hash)).expect("written");
    }
}

#[test]
fn what_was_seen_survives_kill_nine() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut latest = 0;
    for round in 0..4 {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "child_that_seals_until_it_is_killed"])
            .env(CHILD_FOLDER, folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("a child");
        let seen = || {
            let text = fs::read_to_string(folder.path().join("seen")).ok()?;
            let (number, hash) = text.split_once(' ')?;
            Some((number.parse::<u64>().ok()?, hash.to_owned()))
        };
        eventually("a few blocks", || seen().is_some_and(|(number, _)| number >= latest + 3 + round));
        child.kill().expect("SIGKILL");
        child.wait().expect("ended");
        let chain = open(folder.path()).expect("replayed");
        // The file of the test itself may be torn, the log must not be.
        if let Some((number, hash)) = seen().filter(|(_, hash)| hash.len() == 66) {
            assert!(chain.latest() >= number);
            assert_eq!(chain.hash(number).expect("kept").to_string(), hash);
        }
        latest = chain.latest();
    }
}
