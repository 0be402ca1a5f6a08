//! The script: a receipt is issued, crosses, comes back and is redeemed; others cross the other sides of the triangle; one
//! times out and is refunded; the sum is right.

use super::{
    Demo,
    stage::{Chain, LANE_TIMEOUT, Stage},
};
use crate::{error::CliError, receipts::SupplyCheck, when::now_millis};
use adapter_evm::receipts::Location;
use std::time::{Duration, Instant};

/// How long each step of the script may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often is looked whether it has happened.
const PAUSE: Duration = Duration::from_millis(50);
/// How long the second receipt has to arrive; the relayer is stopped for longer.
const SHORT_TIMEOUT: Duration = Duration::from_secs(4);

/// How it ended.
pub(super) struct Ending {
    pub(super) first_minted_millis: u64,
    pub(super) supply: SupplyCheck,
}

/// Plays the script.
pub(super) async fn play(demo: &Demo, stage: &Stage) -> Result<Ending, CliError> {
    let [home, abroad, third] = stage.chains.as_slice() else {
        return Err(CliError::No("the demo has other than three chains".to_owned()));
    };
    let (home_name, abroad_name, third_name) = (home.name, abroad.name, third.name);

    let (first, number) = stage.issue(home, 25_000).await?;
    let uid = first.content.lineage.uid;
    demo.say(
        &format!("{number} is issued on {home_name}: 25000 kg of copper"),
        &format!("{number} 在 {home_name} 签发：铜 25000 千克"),
    )?;
    let sequence = home.lock(abroad, &first.content, home.later(LANE_TIMEOUT).await?).await?;
    demo.say(
        &format!("{number} is locked on {home_name} and sent in packet {sequence}"),
        &format!("{number} 在 {home_name} 锁定，由数据包 {sequence} 发出"),
    )?;
    reached(stage, uid, abroad, Location::Live).await?;
    let first_minted_millis = demo.millis();
    demo.say(
        &format!("{number} is minted on {abroad_name}: {home_name}'s QBFT seals and state proof were verified there"),
        &format!("{number} 在 {abroad_name} 铸造：该链已验证 {home_name} 的 QBFT 签封与状态证明"),
    )?;
    reached(stage, uid, home, Location::Remote).await?;
    demo.say(
        &format!(
            "{home_name} has the acknowledgement, proven by {abroad_name}'s SM2 votes; {number} stays in escrow there"
        ),
        &format!("{home_name} 已收到由 {abroad_name} 的 SM2 投票证明的确认；{number} 在该链托管"),
    )?;

    abroad.send_back(home, &first.content, abroad.later(LANE_TIMEOUT).await?).await?;
    demo.say(&format!("{number} is sent home"), &format!("{number} 被退回"))?;
    reached(stage, uid, home, Location::Active).await?;
    reached(stage, uid, abroad, Location::Gone).await?;
    demo.say(
        &format!("{number} is unlocked on {home_name} and gone from {abroad_name}"),
        &format!("{number} 在 {home_name} 解锁，在 {abroad_name} 已注销"),
    )?;
    home.redeem(uid).await?;
    demo.say(&format!("{number} is redeemed against the goods"), &format!("{number} 已提货注销"))?;

    for (from, to, quantity, what, zh) in [
        (abroad, third, 12_000, "SM2 votes and an ICS-23 proof", "SM2 投票与 ICS-23 证明"),
        (third, home, 5_000, "Ed25519 votes and an ICS-23 proof", "Ed25519 投票与 ICS-23 证明"),
    ] {
        let (receipt, number) = stage.issue(from, quantity).await?;
        from.lock(to, &receipt.content, from.later(LANE_TIMEOUT).await?).await?;
        let uid = receipt.content.lineage.uid;
        reached(stage, uid, to, Location::Live).await?;
        reached(stage, uid, from, Location::Remote).await?;
        let (from, to) = (from.name, to.name);
        demo.say(
            &format!("{number}, issued on {from}, is minted on {to}, which verified {what} of {from}"),
            &format!("{number} 在 {from} 签发，在 {to} 铸造：该链已验证 {from} 的 {zh}"),
        )?;
    }

    let (second, number) = stage.issue(home, 8_000).await?;
    let uid = second.content.lineage.uid;
    stage.stop_relayer().await;
    demo.say("The relayer is stopped", "中继已停止")?;
    let timeout = home.later(SHORT_TIMEOUT).await?.max(now_millis() / 1000 + SHORT_TIMEOUT.as_secs());
    home.lock(abroad, &second.content, timeout).await?;
    demo.say(
        &format!("{number} is issued and sent with a timeout of {} s; nobody carries it", SHORT_TIMEOUT.as_secs()),
        &format!("{number} 已签发并发出，{} 秒后超时；无人运送", SHORT_TIMEOUT.as_secs()),
    )?;
    past(abroad, timeout).await?;
    stage.start_relayer().await?;
    demo.say("The relayer is started again and finds the packet past its timeout", "中继重新启动，发现该数据包已超时")?;
    reached(stage, uid, home, Location::Active).await?;
    demo.say(
        &format!("{number} is refunded: {home_name} has proof that {abroad_name} never received it"),
        &format!("{number} 已退还：{home_name} 得到 {abroad_name} 从未收到它的证明"),
    )?;

    let supply = stage
        .receipts
        .count()
        .await
        .map_err(|source| CliError::Chain { chain: format!("{home_name}, {abroad_name}, {third_name}"), source })?;
    if supply.wrong.is_empty() {
        demo.say(
            "Counted on all chains: issued = live + in flight + redeemed, escrow = outstanding",
            "三链清点：签发量 = 有效 + 在途 + 已注销，托管量 = 在外量",
        )?;
    }
    Ok(Ending { first_minted_millis, supply })
}

/// Waits until a chain's ledger says that the receipt is there.
async fn reached(stage: &Stage, uid: [u8; 32], chain: &Chain, expected: Location) -> Result<(), CliError> {
    let start = Instant::now();
    loop {
        let found = stage.receipts.find(uid).await;
        let found = found.map_err(|source| CliError::Chain { chain: chain.name.to_owned(), source })?;
        let location = found.and_then(|(receipt, names)| {
            let index = names.iter().position(|name| name == chain.name)?;
            receipt.records.get(index).map(|(location, _)| *location)
        });
        if location == Some(expected) {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            return Err(CliError::Deployment {
                chain: chain.name.to_owned(),
                what: "the receipt's place",
                expected: format!("{expected:?} within {} s", PATIENCE.as_secs()),
                found: format!("{location:?}"),
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits until a chain's time is at or past a moment.
async fn past(chain: &Chain, seconds: u64) -> Result<(), CliError> {
    while chain.head().await?.time.unix_seconds() < seconds {
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}
