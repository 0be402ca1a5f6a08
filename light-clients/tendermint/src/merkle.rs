//! Tendermint's Merkle tree: RFC 6962 over a list of byte strings.

use alloc::vec::Vec;
use light_client_crypto::HashSuite;

/// The root over `leaves`, in their order.
///
/// Two neighbours at a time from the left, an odd one rising as it is: the same tree as splitting at the largest power of
/// two below the count.
///
/// Source: RFC 6962, section 2.1; CometBFT 0.38, `crypto/merkle/tree.go` (`HashFromByteSlices`).
pub(crate) fn root<S: HashSuite, L: AsRef<[u8]>>(suite: &S, leaves: &[L]) -> [u8; 32] {
    let mut row: Vec<[u8; 32]> = leaves.iter().map(|leaf| suite.hash(&[&[0], leaf.as_ref()])).collect();
    while row.len() > 1 {
        row = row
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => suite.hash(&[&[1], left, right]),
                odd => odd.first().copied().unwrap_or_default(),
            })
            .collect();
    }
    row.first().copied().unwrap_or_else(|| suite.hash(&[]))
}

#[cfg(test)]
mod tests {
    use super::root;
    use alloc::vec::Vec;
    use light_client_crypto::{HashSuite, Sha256};

    /// The definition, by splitting.
    fn split(leaves: &[Vec<u8>]) -> [u8; 32] {
        match leaves {
            [] => Sha256.hash(&[]),
            [leaf] => Sha256.hash(&[&[0], leaf]),
            _ => {
                let at = leaves.len().next_power_of_two() / 2;
                Sha256.hash(&[&[1], &split(&leaves[..at]), &split(&leaves[at..])])
            }
        }
    }

    #[test]
    fn pairing_and_splitting_agree() {
        for count in 0..70_u8 {
            let leaves: Vec<Vec<u8>> = (0..count).map(|i| [i, count].repeat(usize::from(i % 5))).collect();
            assert_eq!(root(&Sha256, &leaves), split(&leaves), "{count}");
        }
    }
}
