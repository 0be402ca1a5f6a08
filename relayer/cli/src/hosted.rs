//! Whether the client on a chain is the one that a path needs.

use crate::{
    config::ChainConfig,
    error::CliError,
    registry::{self, Connected, store_prefix},
    rules::{ClientRules, Misfit},
};
use adapter::{AdapterError, Difference, HostedClient, TrustedState};
use adapter_evm::client_code;
use alloy_primitives::Address;
use futures::future::join_all;
use light_client::ClientId;

/// A client that a path names, and what it must be.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The chain that hosts it, and its connection.
    pub(crate) host: &'a ChainConfig,
    pub(crate) connected: &'a Connected,
    /// What it is called there.
    pub(crate) id: &'a ClientId,
    /// The chain that it follows.
    pub(crate) followed: &'a ChainConfig,
    /// What the client at the other end is called.
    pub(crate) counterparty: &'a ClientId,
}

impl Wanted<'_> {
    /// In what the client found is another than the path needs: what it is called at the other end, where the other end's
    /// commitments lie, what it demands of headers; and where it is a contract, which one, and with which code. `contract`:
    /// the one that was made for this path, where that is known.
    ///
    /// # Errors
    /// When the chain does not answer, or the configuration is not complete.
    pub(crate) async fn difference(
        &self,
        client: &HostedClient,
        contract: Option<Address>,
    ) -> Result<Option<Difference>, CliError> {
        let differs = |what, expected, found| Ok(Some(Difference { what, expected, found }));
        let advice = format!("(another client of that id: choose another for {} in the path's file)", self.host.name);
        if client.counterparty != *self.counterparty {
            let found = format!("{} {advice}", client.counterparty);
            return differs("client's counterparty", self.counterparty.to_string(), found);
        }
        let prefix = store_prefix(self.followed);
        if client.counterparty_prefix != prefix {
            let found = format!("{:?}", client.counterparty_prefix);
            return differs("client's counterparty prefix", format!("{prefix:?}"), found);
        }
        let rules = ClientRules::of(self.followed)?;
        if let Err(Misfit { expected, found }) = rules.check(&client.client) {
            return differs("client's parameters", expected, format!("{found} {advice}"));
        }
        let trusted = TrustedState {
            height: client.latest_height,
            client: client.client.clone(),
            consensus: client.consensus.clone(),
        };
        let evm = match self.connected {
            Connected::Evm(evm, _) => evm,
            // Not all that ibc-go stores of a client is in the client as it is read here: where it looks for an upgrade, for one.
            Connected::Cosmos(cosmos) => {
                return self.checked(cosmos.reader().client_difference(self.id, &trusted, None).await);
            }
        };
        let Some(found) = self.checked(self.checked(evm.reader())?.verifier(self.id).await)? else {
            return differs("client", self.id.to_string(), "none".to_owned());
        };
        if let Some(expected) = contract.filter(|expected| *expected != found) {
            let found = format!("{found} {advice}");
            return differs("client's contract", format!("{expected}, as noted when it was made"), found);
        }
        // What it answers about itself is worth what its code is. Its state moves on, and is not compared.
        let code = self.checked(client_code(&rules.client_type()?, found, &trusted))?;
        self.checked(evm.code_difference(&code).await)
    }

    /// That there is no such difference.
    ///
    /// # Errors
    /// As [`Wanted::difference`]; [`CliError::Deployment`] when there is one.
    pub(crate) async fn check(&self, client: &HostedClient, contract: Option<Address>) -> Result<(), CliError> {
        self.difference(client, contract).await?.map_or(Ok(()), |difference| Err(self.wrong(difference)))
    }

    /// The client is another one.
    pub(crate) fn wrong(&self, Difference { what, expected, found }: Difference) -> CliError {
        CliError::Deployment { chain: self.host.name.clone(), what, expected, found }
    }

    /// As [`Wanted::difference`], of the client as the chain has it now, each endpoint asked by itself: what most of those say
    /// that answer. `None` also when the chain has none yet.
    ///
    /// # Errors
    /// As [`Wanted::difference`], when no endpoint answers.
    pub(crate) async fn difference_of_most(&self, contract: Option<Address>) -> Result<Option<Difference>, CliError> {
        let ask = |connected: Result<Connected, CliError>| async move {
            Wanted { connected: &connected?, ..*self }.difference_now(contract).await
        };
        let each = registry::connect_each(self.host, std::slice::from_ref(self.id)).await;
        let (differences, are_of_most) = counted(join_all(each.into_iter().map(ask)).await)?;
        match differences.into_iter().next() {
            Some(Difference { what, expected, found }) if !are_of_most => {
                let (chain, client) = (&self.host.name, self.id);
                tracing::warn!(%chain, %client, what, expected, found, "another client, say some nodes, and not most of them");
                Ok(None)
            }
            first => Ok(first),
        }
    }

    async fn difference_now(&self, contract: Option<Address>) -> Result<Option<Difference>, CliError> {
        let reader = self.checked(self.connected.reader())?;
        match self.checked(reader.client(self.id).await)?.value {
            Some(client) => self.difference(&client, contract).await,
            None => Ok(None),
        }
    }

    fn checked<T>(&self, result: Result<T, AdapterError>) -> Result<T, CliError> {
        result.map_err(|source| CliError::Chain { chain: self.host.name.clone(), source })
    }
}

/// The differences that endpoints found, and whether most of those found one that answer.
///
/// # Errors
/// That of one of them, when none answers.
fn counted(answers: Vec<Result<Option<Difference>, CliError>>) -> Result<(Vec<Difference>, bool), CliError> {
    let answered = answers.iter().filter(|answer| answer.is_ok()).count();
    let (mut differences, mut failure) = (Vec::new(), None);
    for answer in answers {
        match answer {
            Ok(found) => differences.extend(found),
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) if answered == 0 => Err(error),
        _ => {
            let are_of_most = differences.len() > answered / 2;
            Ok((differences, are_of_most))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_another_one_when_most_of_those_say_so_that_answer() {
        let other = || Ok(Some(Difference { what: "client", expected: "one".to_owned(), found: "another".to_owned() }));
        let silent = || {
            let (key, expected, found) = ("endpoints", String::new(), String::new());
            Err(CliError::Chain { chain: "a".to_owned(), source: AdapterError::Config { key, expected, found } })
        };
        let is_other =
            |answers| counted(answers).map(|(differences, are_of_most)| !differences.is_empty() && are_of_most);
        assert!(is_other(vec![other()]).unwrap(), "one that is alone is believed");
        assert!(!is_other(vec![other(), Ok(None)]).unwrap() && !is_other(vec![Ok(None), other()]).unwrap());
        assert!(is_other(vec![other(), silent()]).unwrap());
        assert!(!is_other(vec![other(), silent(), Ok(None)]).unwrap());
        assert!(is_other(vec![other(), Ok(None), other()]).unwrap());
        assert!(!is_other(vec![other(), Ok(None), Ok(None)]).unwrap());
        assert!(!is_other(vec![Ok(None), silent()]).unwrap());
        assert!(is_other(vec![silent(), silent()]).is_err());
    }
}
