//! Governed acts: proposed once, approved as far as keys are here, executed when they are due.

use super::End;
use crate::{
    error::CliError,
    output::{step, tell},
    when::{date, now_millis, span},
};
use adapter::AdapterErrorKind;
use adapter_evm::{Act, ActState, GovernedCall};
use alloy_primitives::Address;
use serde::Serialize;
use std::time::Duration;

/// The most acts of one governance that are looked through.
const MAX_ACTS: u64 = 4096;
/// An act that is due this soon is waited for in any case.
const SOON: Duration = Duration::from_secs(3);
/// How often is looked whether an act is due.
const PAUSE: Duration = Duration::from_millis(500);

/// Something that has to be decided.
pub(crate) struct Wanted {
    /// In words.
    pub(crate) what: String,
    /// The contract called.
    pub(crate) target: Address,
    /// The call.
    pub(crate) call: GovernedCall,
}

/// A governed act that is not executed yet.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PendingAct {
    /// In words.
    pub(crate) what: String,
    /// Its number; `None` when it is not proposed, since no member's key is here.
    pub(crate) act: Option<u64>,
    /// How many approve.
    pub(crate) approvals: u16,
    /// How many must.
    pub(crate) threshold: u16,
    /// When it may be executed, Unix seconds; `None` while too few approve.
    pub(crate) due_seconds: Option<u64>,
    /// The governance contract, for those who have to approve.
    pub(crate) governance: Address,
}

/// Does what can be done for all of them and returns what is left.
pub(super) async fn carry_out(end: &End, wanted: Vec<Wanted>, wait: bool) -> Result<Vec<PendingAct>, CliError> {
    let threshold = end.checked(end.governance.threshold().await)?;
    let mut numbers = Vec::new();
    // All are queued before the first is executed, so that their delays run at the same time.
    let known = all_acts(end).await?;
    for one in &wanted {
        numbers.push(if is_done(end, one).await? { Standing::Done } else { queue(end, one, &known).await? });
    }
    let mut pending = Vec::new();
    for (one, standing) in wanted.iter().zip(numbers) {
        let left = match standing {
            Standing::Done => continue,
            Standing::NotProposed => None,
            Standing::Proposed(id) => match execute(end, one, id, wait).await? {
                None => continue,
                Some(act) => Some(act),
            },
        };
        pending.push(PendingAct {
            what: one.what.clone(),
            act: left.as_ref().map(|act| act.id),
            approvals: left.as_ref().map_or(0, |act| act.approvals),
            threshold,
            due_seconds: left.as_ref().map(|act| act.due_seconds).filter(|due| *due > 0),
            governance: end.governance.address(),
        });
    }
    Ok(pending)
}

enum Standing {
    Done,
    NotProposed,
    Proposed(u64),
}

/// Whether the chain itself shows that it needs no act any more.
async fn is_done(end: &End, wanted: &Wanted) -> Result<bool, CliError> {
    match &wanted.call {
        GovernedCall::AdmitCustodian { custodian, account } => {
            Ok(end.checked(end.receipts.custodian(*custodian).await)? == *account)
        }
        GovernedCall::AllowLane { client, counterparty_ref } => {
            let (number, found) = end.checked(end.receipts.lane(client).await)?;
            if number > 0 && found != *counterparty_ref {
                let hex = |bytes: &[u8; 32]| alloy_primitives::B256::from(*bytes).to_string();
                return Err(end.other("lane", hex(counterparty_ref), hex(&found)));
            }
            Ok(number > 0)
        }
        // Of the others only the governance's own record tells.
        _ => Ok(false),
    }
}

/// Finds the act that decides this, or proposes it; and approves it with every member's key that is here.
async fn queue(end: &End, wanted: &Wanted, known: &[Act]) -> Result<Standing, CliError> {
    let data = wanted.call.calldata();
    let repeatable = matches!(wanted.call, GovernedCall::AdmitCustodian { .. });
    let found = known.iter().rev().find(|act| {
        act.target == wanted.target
            && act.data == data
            && match act.state {
                ActState::Proposed | ActState::Queued | ActState::Due => true,
                // What can be undone by a later act is not done for ever by an earlier one.
                ActState::Executed => !repeatable,
                ActState::Cancelled | ActState::Lapsed => false,
            }
    });
    let act = match (found, end.members.first()) {
        (Some(act), _) if act.state == ActState::Executed => return Ok(Standing::Done),
        (Some(act), _) => act.clone(),
        (None, None) => return Ok(Standing::NotProposed),
        (None, Some(member)) => {
            let what = format!("{}: proposing to {}", end.name, wanted.what);
            let proposing = end.governance.propose(member, wanted.target, data);
            let id = end.checked(step(what, proposing).await)?;
            end.checked(end.governance.act(id).await)?
        }
    };
    approve(end, &act).await?;
    Ok(Standing::Proposed(act.id))
}

async fn approve(end: &End, act: &Act) -> Result<(), CliError> {
    let mut state = act.state;
    for member in &end.members {
        if state != ActState::Proposed {
            break;
        }
        if member.address() == act.proposer {
            continue;
        }
        match end.governance.approve(member, act.id).await {
            Ok(_) => tell(format_args!("  {}: act {} approved by {}", end.name, act.id, member.address())),
            // Approved by that member before; were it anything else, the act would show it by staying proposed.
            Err(error) if error.kind() == AdapterErrorKind::RefusedByChain => {}
            Err(error) => return end.checked(Err(error)),
        }
        state = end.checked(end.governance.act(act.id).await)?.state;
    }
    Ok(())
}

/// Executes an act when it is due, or soon is; returns it when it has to wait.
async fn execute(end: &End, wanted: &Wanted, id: u64, wait: bool) -> Result<Option<Act>, CliError> {
    let mut told = false;
    loop {
        let act = end.checked(end.governance.act(id).await)?;
        match act.state {
            ActState::Executed => return Ok(None),
            ActState::Due => {
                let what = format!("{}: executing act {id}, {}", end.name, wanted.what);
                end.checked(step(what, end.governance.execute(&end.account, id)).await)?;
                return Ok(None);
            }
            ActState::Queued => {
                let left = Duration::from_secs(act.due_seconds.saturating_sub(now_millis() / 1000));
                if !wait && left > SOON {
                    return Ok(Some(act));
                }
                if !told {
                    told = true;
                    tell(format_args!("… {}: act {id} is due in {}, {}", end.name, span(left), date(act.due_seconds)));
                }
                tokio::time::sleep(PAUSE).await;
            }
            ActState::Proposed => return Ok(Some(act)),
            ActState::Cancelled | ActState::Lapsed => {
                let found = format!("act {id} is {:?}; run the command again to propose it anew", act.state);
                return Err(end.other("act", format!("to be able to {}", wanted.what), found));
            }
        }
    }
}

/// Every act ever proposed.
///
/// # Errors
/// When they are more than [`MAX_ACTS`]: one that is not looked at would be proposed again.
async fn all_acts(end: &End) -> Result<Vec<Act>, CliError> {
    let mut acts = Vec::new();
    for id in 1..=MAX_ACTS {
        match end.governance.act(id).await {
            Ok(act) => acts.push(act),
            // There is none of this number: that was all.
            Err(error) if error.kind() == AdapterErrorKind::RefusedByChain => return Ok(acts),
            Err(error) => return end.checked(Err(error)),
        }
    }
    Err(end.other("governance", format!("fewer than {MAX_ACTS} acts, to look through all of them"), "more".to_owned()))
}
