//! The process with the two chains.

use crate::link::{facts, linked, node, now};
use futures::{StreamExt as _, stream};
use std::io::Write as _;

pub(crate) const CHAIN_IDS: [u64; 2] = [93_001, 93_002];
/// Receipts on their way to the chain at the same time.
const SENDERS: usize = 24;

/// Two linked chains and all receipts sent from the first to the second; says where they are and lives until its input
/// ends.
pub(crate) async fn run(packets: u64) {
    let [a, b] = linked(node(CHAIN_IDS[0]).await, node(CHAIN_IDS[1]).await).await;
    let (sender, receiver) = (a.owner.address(), b.owner.address());
    let timeout = now() + 20 * 3_600;
    let from = &a;
    let send = |number: u64| async move {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&number.to_be_bytes());
        let (receipt, _) = from.receipts.issue(&from.owner, seed, &facts(), 5_000, sender, sender).await.unwrap();
        let lock = from.receipts.lock(&from.owner, &from.client, &receipt.content, receiver, receiver, timeout);
        lock.await.unwrap();
    };
    stream::iter(0..packets).for_each_concurrent(SENDERS, send).await;
    for side in [&a, &b] {
        let router = side.chain.config().router.unwrap();
        println!("{} {} {router} {} {}", side.name, side.node.url, side.end.start_height, side.client);
    }
    std::io::stdout().flush().unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
}
