//! One changed line at a time: each is told with file, line, key, what is needed and what is there.

use super::{Config, ConfigError, load};
use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs");
const RELAYER: &str = "relayer.toml";
const CHAIN: &str = "chains/devchain-b.toml";
const BSN: &str = "chains/devchain-bsn.toml";
const GATEWAY: &str = "chains/irita-opb.toml";
const COSMOS: &str = "chains/cosmos-b.toml";
const PATH: &str = "paths/devchain-a-devchain-b.toml";

/// (file, text replaced, text put there, key of the error, what its "expected" says, what its "found" says)
type Case = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

const CASES: &[Case] = &[
    // Form.
    (RELAYER, "[database]", "[database", "", "TOML", "an error"),
    (RELAYER, "file = \"lighterman.db\"", "", "database", "commented examples", "missing field `file`"),
    (RELAYER, "file = \"lighterman.db\"", "fil = \"x\"", "database.fil", "commented examples", "unknown field `fil`"),
    (RELAYER, "file = \"lighterman.db\"", "file = 7", "database.file", "commented examples", "integer `7`"),
    (RELAYER, "batch_packets = 50", "batch_packet = 50", "limits.batch_packet", "commented examples", "unknown field"),
    (CHAIN, "chain_id = 9002", "chain_id = \"9002\"", "chain_id", "commented examples", "string \"9002\""),
    (CHAIN, "chain_id = 9002", "chain_id = -1", "chain_id", "commented examples", "-1"),
    (CHAIN, "kind = \"qbft\"", "kind = \"pow\"", "consensus.kind", "commented examples", "unknown variant `pow`"),
    (CHAIN, "fee = \"legacy\"", "fee = \"free\"", "transactions.fee", "commented examples", "unknown variant `free`"),
    (
        PATH,
        "client = \"qbft-0\"\n\n[b]",
        "client = \"qbft-0\"\nlane = 1\n\n[b]",
        "a.lane",
        "commented",
        "unknown field",
    ),
    // Relayer.
    (RELAYER, "file = \"lighterman.db\"", "file = \"\"", "database.file", "name of a file", "\"\""),
    (RELAYER, "127.0.0.1:9180", "0.0.0.0:9180", "api.listen", "allow_other_hosts", "0.0.0.0:9180"),
    (RELAYER, "127.0.0.1:9180", "localhost:9180", "api.listen", "an IP address and a port", "localhost:9180"),
    (RELAYER, "level = \"info\"", "level = \"loud\"", "log.level", "a level", "loud"),
    (RELAYER, "poll_interval = \"200ms\"", "poll_interval = \"0s\"", "engine.poll_interval", "from 10ms", "0s"),
    (RELAYER, "call_timeout = \"30s\"", "call_timeout = \"30\"", "engine.call_timeout", "with a unit", "\"30\""),
    (RELAYER, "batch_packets = 50", "batch_packets = 0", "limits.batch_packets", "from 1 to 100", "0"),
    (RELAYER, "keystore = \"keys/operator.json\"", "", "keys.operator", "keystore or variable", "neither"),
    (RELAYER, "[keys.operator]", "[keys.operator]\nvariable = \"X\"", "keys.operator", "keystore or variable", "both"),
    (
        RELAYER,
        "keystore = \"keys/operator.json\"",
        "variable = \"0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318\"",
        "keys.operator.variable",
        "the name of an environment variable",
        "something longer",
    ),
    // Chains.
    (CHAIN, "chain_id = 9002", "chain_id = 9001", "chain_id", "an id of its own", "9001, as in chains/devchain-a.toml"),
    (CHAIN, "chain_id = 9002", "chain_id = 0", "chain_id", "a number from 1", "0"),
    (CHAIN, "127.0.0.1:8546", "127.0.0.1:8545", "endpoints[0]", "a node of this chain", "chains/devchain-a.toml"),
    (CHAIN, "http://127.0.0.1:8546", "127.0.0.1:8546", "endpoints[0].url", "a URL", "127.0.0.1:8546"),
    (CHAIN, "http://127.0.0.1:8546", "ws://127.0.0.1:8546", "endpoints[0].url", "http:// or https://", "ws://"),
    (CHAIN, "http://127.0.0.1", "http://me:secret@127.0.0.1", "endpoints[0].url", "without user and password", "them"),
    (CHAIN, "[[endpoints]]\nurl = \"http://127.0.0.1:8546\"", "endpoints = []", "endpoints", "1 to 16", "0"),
    (
        CHAIN,
        "[[endpoints]]",
        "[[endpoints]]\nurl = \"http://127.0.0.1:8546\"\n[[endpoints]]",
        "endpoints[1]",
        "each node once",
        "again",
    ),
    (CHAIN, "trusting_period = \"14d\"", "trusting_period = \"2w\"", "consensus.trusting_period", "with a unit", "2w"),
    (CHAIN, "trusting_period = \"14d\"", "trusting_period = \"0s\"", "consensus.trusting_period", "from 1s", "0s"),
    (CHAIN, "clock_drift = \"15s\"", "clock_drift = \"1500ms\"", "consensus.clock_drift", "whole seconds", "1500ms"),
    (CHAIN, "timeout = \"10s\"", "timeout = \"1h\"", "rpc.timeout", "to 5m", "1h"),
    (CHAIN, "timeout = \"10s\"", "timeout = \"30s\"", "rpc.timeout", "less than engine.call_timeout", "30 s"),
    (CHAIN, "signer = \"operator\"", "signer = \"operater\"", "transactions.signer", "one of operator", "operater"),
    (
        CHAIN,
        "max_gas = 25_000_000",
        "max_gas = 20_000_000",
        "transactions.max_gas",
        "at least limits.batch_gas",
        "20000000",
    ),
    (CHAIN, "max_gas = 25_000_000", "max_gas = 25", "transactions.max_gas", "from 1000000", "25"),
    (
        CHAIN,
        "# gas_price_wei = 1_000",
        "gas_price_wei = 200_000_000_000",
        "transactions.gas_price_wei",
        "at most",
        "200000000000",
    ),
    (CHAIN, "members = [\"key:operator\"]", "members = []", "governance.members", "1 to 64 accounts", "0"),
    (
        CHAIN,
        "members = [\"key:operator\"]",
        "members = [\"key:nobody\"]",
        "governance.members[0]",
        "one of operator",
        "nobody",
    ),
    (
        CHAIN,
        "members = [\"key:operator\"]",
        "members = [\"operator\"]",
        "governance.members[0]",
        "\"key:<name>\"",
        "operator",
    ),
    (
        CHAIN,
        "members = [\"key:operator\"]",
        "members = [\"0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\"]",
        "governance.members[0]",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0x5AAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    ),
    (CHAIN, "members = [\"key:operator\"]", "members = [\"0x123\"]", "governance.members[0]", "40 hex digits", "0x123"),
    (
        CHAIN,
        "members = [\"key:operator\"]",
        "members = [\"key:operator\", \"key:operator\"]",
        "governance.members[1]",
        "once",
        "again",
    ),
    (CHAIN, "threshold = 1", "threshold = 2", "governance.threshold", "1 to 1", "2"),
    (CHAIN, "threshold = 1", "threshold = 0", "governance.threshold", "1 to 1", "0"),
    (CHAIN, "delay = \"0s\"", "delay = \"91d\"", "governance.delay", "to 90d", "91d"),
    (CHAIN, "port = \"receipt\"", "port = \"a port\"", "receipts.port", "2 to 32 of the characters", "a port"),
    (CHAIN, "id = \"warehouse-b\"", "id = \"\"", "receipts.custodians[0].id", "a name of 1 to 31", "\"\""),
    // Paths.
    (
        PATH,
        "chain = \"devchain-b\"",
        "chain = \"devchain-c\"",
        "b.chain",
        "one of besu-consortium, cosmos-a, cosmos-b, devchain-a",
        "devchain-c",
    ),
    (PATH, "chain = \"devchain-b\"", "chain = \"devchain-a\"", "b.chain", "another chain than a.chain", "devchain-a"),
    (PATH, "client = \"qbft-0\"\n\n[b]", "client = \"QBFT\"\n\n[b]", "a.client", "like qbft-0", "QBFT"),
    (
        PATH,
        "chain = \"devchain-b\"",
        "chain = \"cosmos-a\"",
        "b.chain",
        "a chain of the kind of a.chain, \"evm\"",
        "cosmos",
    ),
    (CHAIN, "delay = \"0s\"", "delay = \"14d\"", "governance.delay", "less than 14d", "14d"),
    (PATH, "enabled = true", "[limits]\nbatch_packets = 101", "limits.batch_packets", "from 1 to 100", "101"),
    (PATH, "enabled = true", "[limits]\nbatch_gas = 30_000_000", "limits.batch_gas", "at most 25000000", "30000000"),
    (PATH, "enabled = true", "[limits]\nopen_nonces = 1", "limits.open_nonces", "commented examples", "unknown field"),
    // Tendermint.
    (
        CHAIN,
        "trust_level = \"strict\"",
        "trust_level = \"1/3\"",
        "consensus.trust_level",
        "\"strict\" or \"one-third\"",
        "1/3",
    ),
    (CHAIN, "[consensus]", "[consensus]\nstore = \"evm\"", "consensus.store", "a setting of Tendermint", "a setting"),
    (
        CHAIN,
        "[consensus]",
        "[consensus]\ninitial_height = 7",
        "consensus.initial_height",
        "a setting of Tendermint",
        "a setting",
    ),
    (BSN, "initial_height = 1", "initial_height = 0", "consensus.initial_height", "from 1 to", "0"),
    (
        COSMOS,
        "[consensus]",
        "[consensus]\ninitial_height = 7",
        "consensus.initial_height",
        "chains with a Router",
        "a setting",
    ),
    (CHAIN, "http://127.0.0.1:8546", "htp://127.0.0.1/v3/a1b2", "endpoints[0].url", "http://", "another text"),
    (BSN, "trust_level = \"1/3\"", "trust_level = \"1/4\"", "consensus.trust_level", "from \"1/3\" to \"1/1\"", "1/4"),
    (BSN, "chain_id = \"bsn-dev-1\"", "", "consensus.chain_id", "what the chain calls itself", "nothing"),
    (BSN, "chain_id = \"bsn-dev-1\"", "chain_id = \"\"", "consensus.chain_id", "1 to 50 printable", "\"\""),
    (BSN, "store = \"evm\"", "store = \"\"", "consensus.store", "1 to 64 bytes", "\"\""),
    (
        BSN,
        "store_tree = \"jmt\"",
        "store_tree = \"mpt\"",
        "consensus.store_tree",
        "commented examples",
        "unknown variant `mpt`",
    ),
    (BSN, "sm2_user_id = \"1234567812345678\"", "sm2_user_id = \"\"", "consensus.sm2_user_id", "1 to 64 bytes", "\"\""),
    (BSN, ":8547/tendermint", ":8545", "consensus.endpoints[0]", "a node of this chain", "devchain-a.toml"),
    (
        GATEWAY,
        "header_variables = { x-api-key = \"OPB_PROJECT_KEY\" }",
        "header_variables = { x-api-key = \"not a name\" }",
        "endpoints[0].header_variables.x-api-key",
        "the name of an environment variable",
        "another text",
    ),
    (
        GATEWAY,
        "header_variables = { x-api-key = \"OPB_PROJECT_KEY\" }",
        "headers = { \"x api\" = \"a\" }",
        "endpoints[0].headers.x api",
        "the name of a header",
        "x api",
    ),
    // Chains of the Cosmos SDK.
    (COSMOS, "kind = \"cosmos\"", "kind = \"solana\"", "kind", "commented examples", "unknown variant `solana`"),
    (COSMOS, "kind = \"cosmos\"", "", "", "commented examples", "missing field `kind`"),
    (COSMOS, "kind = \"tendermint\"", "kind = \"qbft\"", "consensus.kind", "\"tendermint\" for a chain", "another"),
    (COSMOS, "[consensus]", "[consensus]\nchain_id = \"x\"", "consensus.chain_id", "the chain's own", "a setting"),
    (COSMOS, "gas_price = \"0stake\"", "gas_price = \"stake\"", "transactions.gas_price", "0.025stake", "\"stake\""),
    (
        COSMOS,
        "bech32_prefix = \"cosmos\"",
        "bech32_prefix = \"Cosmos\"",
        "transactions.bech32_prefix",
        "lower-case",
        "Cosmos",
    ),
    (
        COSMOS,
        "key_type = \"secp256k1\"",
        "key_type = \"rsa\"",
        "transactions.key_type",
        "commented examples",
        "unknown variant `rsa`",
    ),
    (COSMOS, "chain_id = \"cosmos-b-1\"", "chain_id = \"cosmos-a-1\"", "chain_id", "an id of its own", "cosmos-a.toml"),
    (COSMOS, "max_gas = 25_000_000", "max_gas = 25", "transactions.max_gas", "from 1000000", "25"),
];

#[test]
fn every_shipped_file_is_read() -> Result<(), Box<dyn Error>> {
    let config = load(Path::new(SHIPPED))?;
    let files =
        |folder: &str| -> Result<usize, std::io::Error> { Ok(fs::read_dir(Path::new(SHIPPED).join(folder))?.count()) };
    assert_eq!((config.chains.len(), config.paths.len()), (files("chains")?, files("paths")?));
    assert!(config.chains.len() >= 3 && !config.paths.is_empty());
    let consortium = config.chain("besu-consortium")?;
    assert_eq!(
        consortium.evm()?.governance.delay.as_secs(),
        2 * 86_400,
        "shipped for chains where receipts have value"
    );
    Ok(())
}

#[test]
fn each_mistake_is_named() -> Result<(), Box<dyn Error>> {
    for (file, old, new, key, expected, found) in CASES {
        let error = with_change(file, old, new)?.err().ok_or_else(|| format!("{file}: {new:?} was accepted"))?;
        let told =
            error.problems.iter().find(|problem| problem.key == *key).ok_or_else(|| format!("{new:?}: {error}"))?;
        assert!(told.file.ends_with(file), "{new:?}: {told}");
        assert!(told.expected.contains(expected), "{new:?}: {told}");
        assert!(told.found.contains(found), "{new:?}: {told}");
    }
    Ok(())
}

#[test]
fn the_line_is_told() -> Result<(), Box<dyn Error>> {
    let text = fs::read_to_string(Path::new(SHIPPED).join(CHAIN))?;
    for (old, new) in [("clock_drift = \"15s\"", "clock_drift = \"x\""), ("chain_id = 9002", "chain_id = \"x\"")] {
        let line = text.lines().position(|line| line == old).ok_or("the shipped file has changed")? + 1;
        let error = with_change(CHAIN, old, new)?.err().ok_or("accepted")?;
        assert_eq!(error.problems.first().and_then(|problem| problem.line), Some(line), "{error}");
    }
    Ok(())
}

#[test]
fn all_mistakes_are_told_at_once() -> Result<(), Box<dyn Error>> {
    let folder = copy()?;
    change(folder.path(), RELAYER, "127.0.0.1:9180", "0.0.0.0:9180")?;
    change(folder.path(), CHAIN, "clock_drift = \"15s\"", "clock_drift = \"x\"")?;
    change(folder.path(), CHAIN, "threshold = 1", "threshold = 9")?;
    change(folder.path(), PATH, "chain = \"devchain-b\"", "chain = \"nowhere\"")?;
    let error = load(folder.path()).err().ok_or("accepted")?;
    assert_eq!(error.problems.len(), 4, "{error}");
    Ok(())
}

#[test]
fn clients_serve_one_path() -> Result<(), Box<dyn Error>> {
    let folder = copy()?;
    fs::copy(folder.path().join(PATH), folder.path().join("paths/again.toml"))?;
    let error = load(folder.path()).err().ok_or("accepted")?;
    let told: Vec<_> = error.problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(told, ["a.client", "b.client"], "{error}");
    fs::rename(folder.path().join("paths/again.toml"), folder.path().join("paths/A Path.toml"))?;
    assert!(load(folder.path()).is_err_and(|error| error.to_string().contains("lower-case letters")));
    Ok(())
}

#[test]
fn no_configuration_says_how_to_get_one() {
    let error = load(Path::new("/nowhere/at/all")).expect_err("there is none");
    assert!(error.to_string().contains("lighterman init"), "{error}");
}

fn copy() -> Result<tempfile::TempDir, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let shipped = Path::new(SHIPPED);
    for sub in ["chains", "paths"] {
        fs::create_dir(folder.path().join(sub))?;
        for entry in fs::read_dir(shipped.join(sub))? {
            let entry = entry?;
            fs::copy(entry.path(), folder.path().join(sub).join(entry.file_name()))?;
        }
    }
    fs::copy(shipped.join(RELAYER), folder.path().join(RELAYER))?;
    Ok(folder)
}

fn change(folder: &Path, file: &str, old: &str, new: &str) -> Result<(), Box<dyn Error>> {
    let file: PathBuf = folder.join(file);
    let text = fs::read_to_string(&file)?;
    if !text.contains(old) {
        return Err(format!("{}: nothing like {old:?} to change", file.display()).into());
    }
    fs::write(&file, text.replacen(old, new, 1))?;
    Ok(())
}

fn with_change(file: &str, old: &str, new: &str) -> Result<Result<Config, ConfigError>, Box<dyn Error>> {
    let folder = copy()?;
    change(folder.path(), file, old, new)?;
    Ok(load(folder.path()))
}
