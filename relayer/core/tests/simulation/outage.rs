//! The store refuses one write: the machine whose write it was starts again from what is stored, and nothing else does. As in
//! the engine, its tasks are dropped, what is queued for it waits, and whoever takes a signer's place answers for the
//! batches that it does not know.

use crate::world::{Job, World, index};
use relayer_core::{BatchId, BatchOutcome, End, Event, Failure, PathMachine, SignerEvent, SignerMachine};
use std::collections::BTreeMap;

/// How long a machine is away, in milliseconds: longer than any signer holds back how a nonce ended.
const AWAY_MILLIS: u64 = 500;

/// Machines that are away.
#[derive(Default)]
pub(crate) struct Outages {
    /// Until when, and the last batch number given out.
    paths: BTreeMap<usize, (u64, u64)>,
    /// Until when, and the batches that the last machine answered for.
    signers: BTreeMap<End, (u64, Vec<BatchId>)>,
    pub(crate) count: u64,
}

impl Outages {
    pub(crate) fn has_path(&self, path: usize) -> bool {
        self.paths.contains_key(&path)
    }

    pub(crate) fn has_signer(&self, end: End) -> bool {
        self.signers.contains_key(&end)
    }

    /// The whole process is gone, and who was away with it.
    pub(crate) fn end(&mut self) {
        self.paths.clear();
        self.signers.clear();
    }
}

impl World {
    pub(crate) fn path_fails(&mut self, path: usize) {
        self.note(|| format!("path {path}: the store fails"));
        self.outages.count += 1;
        self.jobs.retain(|job| match job {
            Job::Path(of, _) => *of != path,
            // Answers to its tasks are lost with them; outcomes of batches and heads wait in queues.
            Job::PathEvent(of, event) => *of != path || matches!(event, Event::Finished { .. } | Event::Head(..)),
            Job::Signer(..) | Job::SignerEvent(..) => true,
        });
        let last_batch = self.machines.get(path).map_or(0, PathMachine::last_batch);
        self.outages.paths.insert(path, (self.millis + AWAY_MILLIS, last_batch));
    }

    pub(crate) fn signer_fails(&mut self, end: End) {
        self.note(|| format!("signer {end}: the store fails"));
        self.outages.count += 1;
        self.jobs.retain(|job| match job {
            Job::Signer(of, _) => *of != end,
            Job::SignerEvent(of, event) => {
                *of != end || matches!(event, SignerEvent::Submit(_) | SignerEvent::Withdraw(_))
            }
            Job::Path(..) | Job::PathEvent(..) => true,
        });
        let orphans = self.signers.get(index(end)).map(SignerMachine::batches).unwrap_or_default();
        self.outages.signers.insert(end, (self.millis + AWAY_MILLIS, orphans));
    }

    /// Machines that were away long enough start again.
    pub(crate) fn end_outages(&mut self) -> Result<(), String> {
        let now = self.millis;
        for end in End::BOTH {
            if self.outages.signers.get(&end).is_none_or(|(until, _)| *until > now) {
                continue;
            }
            let orphans = self.outages.signers.remove(&end).map(|(_, orphans)| orphans).unwrap_or_default();
            self.signers[index(end)] = self.signer_machine(end);
            let known = self.signers[index(end)].batches();
            for BatchId { path, host, number } in orphans.into_iter().filter(|batch| !known.contains(batch)) {
                let Some(path) = self.paths.iter().position(|id| *id == path) else { continue };
                let outcome = BatchOutcome::Failed(Failure::Transient);
                self.jobs.push(Job::PathEvent(path, Event::Finished { host, batch: number, outcome }));
            }
        }
        let due: Vec<usize> =
            self.outages.paths.iter().filter(|(_, (until, _))| *until <= now).map(|(path, _)| *path).collect();
        for path in due {
            // Signers are told of time twenty times a second: what they held back is stored by now, or they fail too.
            for end in End::BOTH {
                self.tell_signer(end, SignerEvent::Tick)?;
            }
            // A crash at this tick starts everything again.
            if let Some((_, last_batch)) = self.outages.paths.remove(&path) {
                self.machines[path] = self.path_machine(path, last_batch);
            }
        }
        Ok(())
    }
}
