//! A void as it was sent, and what it means.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    attempt::fingerprint,
    faults::Faults,
    ids::{SaleId, VoidId},
    limits,
    openapi_schemas::Reason,
};

/// A void as it was sent.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = void_request)]
pub struct VoidBody {
    /// Made by the terminal and kept before it sends: the same id again finds the first answer.
    pub id: Uuid,
    /// Why.
    #[schema(value_type = Reason)]
    pub reason: String,
}

/// What a void means.
#[derive(Clone, Debug)]
pub struct VoidRequest {
    pub id: VoidId,
    pub sale: SaleId,
    /// Why.
    pub reason: String,
    /// What is wrong with the body; reported after all errors that concern the caller.
    pub faults: Faults,
}

impl VoidRequest {
    /// What this body means for this sale.
    pub fn parse(sale: SaleId, body: &VoidBody) -> Self {
        let mut faults = Faults::default();
        let reason = faults.text("/reason", &body.reason, 1, limits::REASON_CHARS);
        Self { id: VoidId(body.id), sale, reason, faults }
    }

    /// What is the same when the same void is sent again.
    pub fn fingerprint(&self) -> String {
        #[derive(Serialize)]
        struct Meaning<'r> {
            sale: SaleId,
            reason: &'r str,
            // A body that breaks a rule means nothing, and is no repetition of one that did.
            broken: bool,
        }
        fingerprint(&Meaning { sale: self.sale, reason: &self.reason, broken: !self.faults.is_empty() })
    }
}
