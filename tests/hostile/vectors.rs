//! The public test vectors of Wycheproof, as far as they apply.
//!
//! Its vectors for Ed25519 are put to the very verifier that tokens are verified with. Its vectors for JWS are signed with other
//! algorithms, none of which the gateway uses; what they try (a missing part, an extra one, an altered one, another serialization, `none`, a public
//! key used as a secret, a key in the header) is tried in `tokens.rs` on tokens that are valid but for that.

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto::verify};
use wycheproof::eddsa::{TestName, TestSet};

#[test]
fn the_verifier_of_tokens_agrees_with_wycheproof() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for group in &set.test_groups {
        let key = DecodingKey::from_ed_der(&group.key.pk);
        for test in &group.tests {
            let good = verify(&BASE64URL_NOPAD.encode(&test.sig), &test.msg, &key, Algorithm::EdDSA).unwrap_or(false);
            assert_eq!(good, !test.result.must_fail(), "test {}: {}", test.tc_id, test.comment);
            if good { valid += 1 } else { invalid += 1 }
        }
    }
    assert_eq!(valid + invalid, set.number_of_tests);
    assert!(valid > 50 && invalid > 50, "{valid} valid, {invalid} invalid");
}
