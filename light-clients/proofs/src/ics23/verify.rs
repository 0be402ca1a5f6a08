use super::{
    Ics23Error, Neighbour, Path, ProofSpec, Step,
    spec::{Place, Side},
};
use alloc::vec::Vec;
use light_client::StateRoot;
use light_client_crypto::HashSuite;

/// Verifies that `value` lies at `key` in the tree with this root. The caller sees to it that neither is empty, and that
/// the path has at most [`super::MAX_STEPS`] steps.
///
/// # Errors
/// [`Ics23Error::LeafPrefixMalformed`], [`Ics23Error::StepMalformed`], [`Ics23Error::RootMismatch`].
///
/// Source: cosmos/ics23 `proof.go`, `ExistenceProof.Verify`.
pub fn verify_existence<S: HashSuite>(
    suite: &S,
    spec: &ProofSpec,
    root: StateRoot,
    key: &[u8],
    value: &[u8],
    path: &Path,
) -> Result<(), Ics23Error> {
    places_under(suite, spec, root, key, &suite.hash(&[value]), path).map(|_| ())
}

/// Verifies that nothing lies at `key` in the tree with this root.
///
/// 1. At least one neighbour is given, and each lies under the root.
/// 2. The key is between them.
/// 3. No other leaf is: the right one is the first, or the left one the last, or the two are next to each other.
///
/// # Errors
/// One variant for each rule.
///
/// Source: cosmos/ics23 `proof.go`, `NonExistenceProof.Verify`.
pub fn verify_absence<S: HashSuite>(
    suite: &S,
    spec: &ProofSpec,
    root: StateRoot,
    key: &[u8],
    left: Option<&Neighbour>,
    right: Option<&Neighbour>,
) -> Result<(), Ics23Error> {
    // 1.
    let places =
        |neighbour: &Neighbour| places_under(suite, spec, root, &neighbour.key, &neighbour.value_hash, &neighbour.path);
    let (left_places, right_places) = (left.map(places).transpose()?, right.map(places).transpose()?);
    // 2.
    let wanted = spec.order(suite, key);
    if right.is_some_and(|right| wanted >= spec.order(suite, &right.key)) {
        return Err(Ics23Error::KeyNotBetween { expected: "left of the right neighbour" });
    }
    if left.is_some_and(|left| wanted <= spec.order(suite, &left.key)) {
        return Err(Ics23Error::KeyNotBetween { expected: "right of the left neighbour" });
    }
    // 3.
    match (left.zip(left_places), right.zip(right_places)) {
        (None, None) => Err(Ics23Error::NeighboursMissing),
        (None, Some((_, right))) if is_outermost(&right, Side::Left) => Ok(()),
        (None, Some(_)) => Err(Ics23Error::NotLeftmost),
        (Some((_, left)), None) if is_outermost(&left, Side::Right) => Ok(()),
        (Some(_), None) => Err(Ics23Error::NotRightmost),
        (Some((left, left_places)), Some((right, right_places))) => {
            let met = steps_in_common(&left.path.steps, &right.path.steps);
            if are_neighbours(&left_places, &right_places, met) { Ok(()) } else { Err(Ics23Error::NotNeighbours) }
        }
    }
}

/// The sides on which a path comes up, once it is known to lead from the leaf to the root.
fn places_under<S: HashSuite>(
    suite: &S,
    spec: &ProofSpec,
    root: StateRoot,
    key: &[u8],
    value_hash: &[u8; 32],
    path: &Path,
) -> Result<Vec<Place>, Ics23Error> {
    let mut hash = spec.leaf_hash(suite, &path.leaf_prefix, key, value_hash)?;
    let mut places = Vec::with_capacity(path.steps.len());
    for (number, step) in (1..).zip(&path.steps) {
        places.push(spec.place(step, number)?);
        hash = suite.hash(&[&step.prefix, &hash, &step.suffix]);
    }
    if hash == *root.as_bytes() {
        Ok(places)
    } else {
        Err(Ics23Error::RootMismatch { expected: root, found: hash.into() })
    }
}

/// Whether every step comes up on this side, or has nothing on it.
fn is_outermost(places: &[Place], side: Side) -> bool {
    places.iter().all(|place| place.side == side || place.sibling_is_empty)
}

/// How many steps, from the root downwards, are the same in both paths.
fn steps_in_common(left: &[Step], right: &[Step]) -> usize {
    left.iter().rev().zip(right.iter().rev()).take_while(|(a, b)| a == b).count()
}

/// Whether the paths part with the left one coming up on the left and the right one on the right, with nothing between.
fn are_neighbours(left: &[Place], right: &[Place], in_common: usize) -> bool {
    let below = |places: &[Place]| -> Option<(Place, Vec<Place>)> {
        let (own, _) = places.split_at_checked(places.len().checked_sub(in_common)?)?;
        own.split_last().map(|(top, rest)| (*top, rest.to_vec()))
    };
    let (Some((left_top, left)), Some((right_top, right))) = (below(left), below(right)) else { return false };
    left_top.side == Side::Left
        && right_top.side == Side::Right
        && is_outermost(&left, Side::Right)
        && is_outermost(&right, Side::Left)
}
