//! Types of the contracts' functions, events and structs, generated from the committed artefacts.
#![allow(missing_docs, unreachable_pub, dead_code, unused_imports, clippy::all, rustdoc::all)]

ethers_contract::abigen!(
    Router, "contracts/artifacts/Router.json";
    Governance, "contracts/artifacts/Governance.json";
    QbftLightClient, "contracts/artifacts/QbftLightClient.json";
    ReceiptLedger, "contracts/artifacts/ReceiptLedger.json";
    ReceiptBridge, "contracts/artifacts/ReceiptBridge.json"
);
