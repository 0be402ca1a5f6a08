//! Keeps pages of other sites from reading this machine's window: a name that an attacker makes to resolve to
//! 127.0.0.1 arrives with that name in `Host`.

use axum::{
    extract::Request,
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Lets a request through when its `Host` is an address, or `localhost`.
pub(crate) async fn require_own_host(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if host.is_some_and(names_an_address) {
        return next.run(request).await;
    }
    (StatusCode::MISDIRECTED_REQUEST, "host: expected an IP address or localhost\n").into_response()
}

fn names_an_address(host: &str) -> bool {
    let is_bracketed = |text: &str| {
        text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).is_some_and(|ip| ip.parse::<Ipv6Addr>().is_ok())
    };
    let is_own = |name: &str| name == "localhost" || name.parse::<Ipv4Addr>().is_ok() || is_bracketed(name);
    // What follows the last colon is a port, unless it is a part of an address in brackets.
    is_own(host) || host.rsplit_once(':').is_some_and(|(name, port)| port.parse::<u16>().is_ok() && is_own(name))
}

#[cfg(test)]
mod tests {
    use super::names_an_address;

    #[test]
    fn only_addresses_and_localhost_are_own() {
        for own in ["127.0.0.1", "127.0.0.1:9180", "localhost", "localhost:80", "[::1]:9180", "[::1]", "10.0.0.7:1"] {
            assert!(names_an_address(own), "{own}");
        }
        for other in
            ["", "evil.example", "evil.example:9180", "localhost.evil.example", "127.0.0.1.evil:80", "localhost:x"]
        {
            assert!(!names_an_address(other), "{other}");
        }
    }
}
