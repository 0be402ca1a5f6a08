//! A blocking JSON-RPC client for loopback, independent of the client under test.
//!
//! The scenarios look at a chain with other eyes than the relayer's: what `adapter-evm` misreads must not be misread
//! here in the same way. It speaks HTTP/1.0, so that the end of the stream is the end of the answer.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest answer read, in bytes.
const MAX_ANSWER_BYTES: u64 = 32 << 20;

/// Longest wait for a connection, and for each read and write.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RpcError {
    /// The address is not `http://IP:PORT`.
    #[error("expected http://IP:PORT, found {found}")]
    Address {
        /// The address given.
        found: String,
    },
    /// The connection failed.
    #[error("{method} at {address}")]
    Connection {
        /// The method called.
        method: String,
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The answer is not the HTTP or the JSON-RPC expected.
    #[error("{method}: expected {expected}, found {found}")]
    Malformed {
        /// The method called.
        method: String,
        /// What an answer has.
        expected: &'static str,
        /// The beginning of what came.
        found: String,
    },
    /// The node answered with an error.
    #[error("{method}: the node answers error {code}: {message}")]
    Refused {
        /// The method called.
        method: String,
        /// JSON-RPC's code.
        code: i64,
        /// The node's words.
        message: String,
    },
}

/// A JSON-RPC endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint(SocketAddr);

impl Endpoint {
    /// Takes an address of the form `http://127.0.0.1:8545`.
    ///
    /// # Errors
    /// [`RpcError::Address`].
    pub fn new(url: &str) -> Result<Self, RpcError> {
        let address = url.strip_prefix("http://").and_then(|rest| rest.trim_end_matches('/').parse().ok());
        address.map(Self).ok_or_else(|| RpcError::Address { found: url.to_owned() })
    }

    /// The address as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.0)
    }

    /// Calls a method and reads its result as `T`.
    ///
    /// # Errors
    /// [`RpcError`] when the node cannot be asked, answers with an error, or answers something else than a `T`.
    pub fn call<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, RpcError> {
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let answer = self.exchange(&request).map_err(|source| RpcError::Connection {
            method: method.to_owned(),
            address: self.0,
            source,
        })?;
        let malformed =
            |expected| RpcError::Malformed { method: method.to_owned(), expected, found: beginning(&answer) };
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| malformed("a head and a body"))?;
        if head.split_whitespace().nth(1) != Some("200") {
            return Err(malformed("status 200"));
        }
        let mut body: Value = serde_json::from_str(body).map_err(|_| malformed("JSON"))?;
        if let Some(error) = body.get("error") {
            return Err(RpcError::Refused {
                method: method.to_owned(),
                code: error["code"].as_i64().unwrap_or_default(),
                message: error["message"].as_str().unwrap_or_default().to_owned(),
            });
        }
        let result = body.get_mut("result").map(Value::take).ok_or_else(|| malformed("a result"))?;
        serde_json::from_value(result).map_err(|_| malformed("a result of the method's type"))
    }

    fn exchange(&self, request: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.0, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let (host, length) = (self.0, request.len());
        let head =
            format!("POST / HTTP/1.0\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {length}");
        // One write, so that a node that answers before it has read everything is not cut off by a reset.
        stream.write_all(format!("{head}\r\n\r\n{request}").as_bytes())?;
        let mut answer = String::new();
        stream.take(MAX_ANSWER_BYTES).read_to_string(&mut answer)?;
        Ok(answer)
    }
}

fn beginning(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Answers one request with the given bytes.
    fn answering(answer: &'static str) -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("one connection");
            let mut request = [0_u8; 4096];
            let length = stream.read(&mut request).expect("a request");
            assert!(length > 0, "an empty request");
            stream.write_all(answer.as_bytes()).expect("answered");
        });
        Endpoint::new(&format!("http://{address}")).expect("an address")
    }

    #[test]
    fn a_result_is_read() {
        let endpoint = answering("HTTP/1.0 200 OK\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x1\"}");
        assert_eq!(endpoint.call::<String>("a", json!([])).expect("a result"), "0x1");
    }

    #[test]
    fn what_is_no_result_is_an_error_of_its_kind() {
        let call = |answer| answering(answer).call::<String>("a", json!([])).expect_err("no result");
        let refused = call("HTTP/1.0 200 OK\r\n\r\n{\"error\":{\"code\":-32601,\"message\":\"no such method\"}}");
        assert!(matches!(refused, RpcError::Refused { code: -32601, .. }), "{refused}");
        for answer in
            ["", "HTTP/1.0 500 No\r\n\r\n{}", "HTTP/1.0 200 OK\r\n\r\n{", "HTTP/1.0 200 OK\r\n\r\n{\"result\":1}"]
        {
            assert!(matches!(call(answer), RpcError::Malformed { .. }), "{answer}");
        }
        let nobody = Endpoint::new("http://127.0.0.1:1").expect("an address").call::<String>("a", json!([]));
        assert!(matches!(nobody, Err(RpcError::Connection { .. })), "{nobody:?}");
        assert!(matches!(Endpoint::new("https://127.0.0.1:1"), Err(RpcError::Address { .. })));
    }
}
