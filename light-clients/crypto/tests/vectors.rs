//! Signatures that chains made.
#![allow(clippy::unwrap_used)]

use base64::{Engine, engine::general_purpose::STANDARD};
use light_client_crypto::{Sm2, VerifyError, VerifySuite};
use serde_json::Value;

#[test]
fn accounts_of_a_national_chain_sign_with_the_default_user_id() {
    let file: Value = serde_json::from_str(include_str!("../vectors/sm2_gentx_signatures.json")).unwrap();
    let bytes = |value: &Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 2);
    for case in cases {
        let key = bytes(&case["pub_key_b64"]);
        let signature: [u8; 64] = bytes(&case["signature_b64"]).try_into().unwrap();
        // serde_json keeps the keys of an object sorted.
        let message = case["sign_doc"].to_string();
        assert_eq!(Sm2::default().verify(&key, message.as_bytes(), &signature), Ok(()));
        for other in ["123456781234567", "ALICE123@YAHOO.COM"] {
            let suite = Sm2::with_user_id(other.as_bytes()).unwrap();
            assert_eq!(suite.verify(&key, message.as_bytes(), &signature), Err(VerifyError::Mismatch));
        }
        assert!(Sm2::default().verify(&key, &message.as_bytes()[1..], &signature).is_err());
    }
}
