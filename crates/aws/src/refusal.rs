//! AWS's refusals, kept verbatim, and the one mapping from AWS's codes to what sort of refusal they are.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use billing::connection::{Access, Candidate};
use billing::probe::{Refusal, RefusalKind};

use crate::operation::Operation;

/// Whose credentials a request is signed with: a refusal of the credentials themselves means something else for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signer {
    /// Our own.
    Operator,
    /// Those of a session in the customer's role.
    Session,
    /// Those of the customer's IAM user.
    Keys,
}

impl Signer {
    /// Who signs what is asked for the candidate, once we are in.
    pub(crate) fn of(candidate: &Candidate) -> Self {
        match candidate.access {
            Access::Role(_) => Self::Session,
            Access::User(_) => Self::Keys,
        }
    }
}

/// One question to AWS, for naming it in a refusal.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) operation: Operation,
    /// The ARN that it is asked about.
    pub(crate) resource: String,
    pub(crate) signer: Signer,
}

impl Question {
    /// The refusal that an SDK error stands for.
    pub(crate) fn refused<E>(&self, error: &SdkError<E, HttpResponse>) -> Refusal
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let SdkError::ServiceError(answer) = error else {
            let (kind, code) = fault(error);
            return Refusal {
                request_id: error.request_id().map(str::to_owned),
                ..self.failed(kind, code, &chain(error))
            };
        };
        let status = answer.raw().status().as_u16();
        let code = answer.err().code();
        let message = answer.err().message().unwrap_or("no message");
        let kind = kind_of(&Answer { code, status, message }, self.signer);
        let code = code.map_or_else(|| format!("HTTP {status}"), str::to_owned);
        Refusal { request_id: error.request_id().map(str::to_owned), ..self.failed(kind, &code, message) }
    }

    /// A refusal in our own words: what kept the answer away, or why it was not taken.
    pub(crate) fn failed(&self, kind: RefusalKind, code: &str, message: &str) -> Refusal {
        Refusal {
            action: self.operation.action().to_owned(),
            resource: self.resource.clone(),
            kind,
            code: code.to_owned(),
            message: message.to_owned(),
            request_id: None,
        }
    }
}

/// The parts of an error answer that tell what sort of refusal it is.
struct Answer<'a> {
    code: Option<&'a str>,
    status: u16,
    message: &'a str,
}

/// What sort of refusal AWS's answer is.
fn kind_of(answer: &Answer<'_>, signer: Signer) -> RefusalKind {
    let Some(code) = answer.code else { return kind_of_status(answer.status) };
    match code {
        "SlowDown"
        | "TooManyRequestsException"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded" => RefusalKind::Throttled,
        // Before the KMS rule: a key that is asked too often denies nothing.
        throttle if throttle.contains("Throttl") => RefusalKind::Throttled,
        // Cost Explorer's word for too many calls in a short time.
        "LimitExceededException" => RefusalKind::Throttled,
        "AWSOrganizationsNotInUseException" => RefusalKind::NotInUse,
        // Cost Explorer says with the code of a denial that nobody has switched it on.
        "AccessDeniedException" if answer.message.to_lowercase().contains("not enabled for cost explorer") => {
            RefusalKind::NotInUse
        }
        "DataUnavailableException" => RefusalKind::NoData,
        key if key.starts_with("KMS.") || key.starts_with("Kms.") => RefusalKind::DeniedByKms,
        "AccessDenied" | "AccessDeniedException" if answer.message.to_lowercase().contains("kms:") => {
            RefusalKind::DeniedByKms
        }
        "AccessDenied" | "AccessDeniedException" | "AllAccessDisabled" => RefusalKind::Denied,
        // An answer without a body names no more than this.
        "NoSuchBucket" | "NoSuchKey" | "NotFound" => RefusalKind::NotFound,
        "PermanentRedirect"
        | "TemporaryRedirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException"
        | "IllegalLocationConstraint" => RefusalKind::WrongRegion,
        "PreconditionFailed" => RefusalKind::Changed,
        "RequestTimeout" | "RequestTimeTooSkewed" | "InternalError" | "ServiceUnavailable" => RefusalKind::Unavailable,
        credentials if concerns_credentials(credentials) => match signer {
            Signer::Operator => RefusalKind::OwnCredentials,
            Signer::Keys if refuses_keys(answer) => RefusalKind::KeysRefused,
            // A session that ended early is opened anew by the next call.
            Signer::Session | Signer::Keys => RefusalKind::Unavailable,
        },
        _ if answer.status >= 500 => RefusalKind::Unavailable,
        _ => RefusalKind::Invalid,
    }
}

/// What sort of refusal an answer without AWS's code is.
///
/// A bare 403 is not a denial: whatever stands between us and AWS can say it, and a denial must be AWS's own word.
fn kind_of_status(status: u16) -> RefusalKind {
    match status {
        301 | 307 => RefusalKind::WrongRegion,
        404 => RefusalKind::NotFound,
        412 => RefusalKind::Changed,
        429 => RefusalKind::Throttled,
        408 | 500.. => RefusalKind::Unavailable,
        _ => RefusalKind::Invalid,
    }
}

/// Whether AWS's code refuses the credentials themselves rather than what they ask.
pub(crate) fn concerns_credentials(code: &str) -> bool {
    matches!(
        code,
        "ExpiredToken"
            | "ExpiredTokenException"
            | "IncompleteSignature"
            | "InvalidAccessKeyId"
            | "InvalidClientTokenId"
            | "InvalidToken"
            | "MissingAuthenticationToken"
            | "NoCredentials"
            | "RequestExpired"
            | "SignatureDoesNotMatch"
            | "UnrecognizedClientException"
    )
}

/// Whether long-term keys are refused for what they are. A signature that came too late says nothing of them.
fn refuses_keys(answer: &Answer<'_>) -> bool {
    let wrong = ["InvalidAccessKeyId", "InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException"];
    let late = ["Signature expired", "Signature not yet current"];
    answer.code.is_some_and(|code| wrong.contains(&code)) && !late.iter().any(|words| answer.message.contains(words))
}

/// What kept an answer of AWS away, and what to call it.
fn fault<E: Error + 'static>(error: &SdkError<E, HttpResponse>) -> (RefusalKind, &'static str) {
    match error {
        _ if lacks_credentials(error) => (RefusalKind::OwnCredentials, "NoCredentials"),
        SdkError::TimeoutError(_) => (RefusalKind::Unavailable, "Timeout"),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => (RefusalKind::Unavailable, "Timeout"),
        SdkError::DispatchFailure(_) => (RefusalKind::Unavailable, "ConnectionFailed"),
        SdkError::ResponseError(_) => (RefusalKind::Unavailable, "UnreadableAnswer"),
        _ => (RefusalKind::Invalid, "RequestNotMade"),
    }
}

/// Whether the request was never sent because there were no credentials to sign it with.
fn lacks_credentials(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(<dyn Error>::is::<CredentialsError>)
}

/// An error and everything beneath it.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// An error and everything beneath it, in one line.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    for error in causes(error) {
        let text = error.to_string();
        // Wrappers that only repeat what they wrap add nothing.
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
    }
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::error::ConnectorError;
    use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityError;

    use super::*;

    fn check(code: &str, status: u16, message: &str, expect: RefusalKind) {
        let answer = Answer { code: Some(code), status, message };
        assert_eq!(kind_of(&answer, Signer::Session), expect, "{code} {status} {message}");
    }

    #[test]
    fn denials_are_told_apart_by_who_denies() {
        let s3 =
            "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: s3:GetObject on resource: \"arn\"";
        check("AccessDenied", 403, s3, RefusalKind::Denied);
        check("AccessDeniedException", 400, "You don't have permissions to access this resource.", RefusalKind::Denied);
        check("AllAccessDisabled", 403, "All access to this object has been disabled", RefusalKind::Denied);
        let kms = "User: arn is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext";
        check("AccessDenied", 403, kms, RefusalKind::DeniedByKms);
        check("KMS.DisabledException", 400, "arn:aws:kms:… is disabled.", RefusalKind::DeniedByKms);
        check("KMS.NotFoundException", 400, "Key does not exist", RefusalKind::DeniedByKms);
    }

    #[test]
    fn a_service_that_is_not_used_is_told_from_a_denial() {
        let organizations = "Your account is not a member of an organization.";
        check("AWSOrganizationsNotInUseException", 400, organizations, RefusalKind::NotInUse);
        check("AccessDeniedException", 400, "User not enabled for cost explorer access", RefusalKind::NotInUse);
        let denied = "User: arn is not authorized to perform: ce:GetReservationUtilization on resource: arn";
        check("AccessDeniedException", 400, denied, RefusalKind::Denied);
        check("DataUnavailableException", 400, "Data is not available", RefusalKind::NoData);
        check("LimitExceededException", 400, "Rate exceeded", RefusalKind::Throttled);
    }

    #[test]
    fn what_is_no_denial_is_never_taken_for_one() {
        // An archived object is 403, and so is a wrong signature.
        check(
            "InvalidObjectState",
            403,
            "The operation is not valid for the object's storage class",
            RefusalKind::Invalid,
        );
        check(
            "SignatureDoesNotMatch",
            403,
            "The request signature we calculated does not match",
            RefusalKind::Unavailable,
        );
        check("RequestTimeTooSkewed", 403, "The difference is too large", RefusalKind::Unavailable);
        assert_eq!(kind_of(&Answer { code: None, status: 403, message: "" }, Signer::Operator), RefusalKind::Invalid);
    }

    #[test]
    fn places_changes_and_outages_have_their_kinds() {
        check("NoSuchBucket", 404, "The specified bucket does not exist", RefusalKind::NotFound);
        check("NoSuchKey", 404, "The specified key does not exist.", RefusalKind::NotFound);
        check("PermanentRedirect", 301, "must be addressed using the specified endpoint", RefusalKind::WrongRegion);
        check("AuthorizationHeaderMalformed", 400, "the region 'us-east-1' is wrong", RefusalKind::WrongRegion);
        check("IllegalLocationConstraintException", 400, "incompatible", RefusalKind::WrongRegion);
        check("PreconditionFailed", 412, "did not hold", RefusalKind::Changed);
        check("SlowDown", 503, "Please reduce your request rate.", RefusalKind::Throttled);
        check("Throttling", 400, "Rate exceeded", RefusalKind::Throttled);
        check(
            "ThrottlingException",
            400,
            "You have exceeded the rate at which you may call KMS",
            RefusalKind::Throttled,
        );
        check("TooManyRequestsException", 400, "", RefusalKind::Throttled);
        check("ServiceUnavailable", 503, "", RefusalKind::Unavailable);
        check("SomethingNew", 500, "", RefusalKind::Unavailable);
        check("MalformedPolicyDocument", 400, "", RefusalKind::Invalid);
        for (status, kind) in
            [(301, RefusalKind::WrongRegion), (412, RefusalKind::Changed), (503, RefusalKind::Unavailable)]
        {
            assert_eq!(kind_of_status(status), kind);
        }
    }

    #[test]
    fn refused_credentials_matter_by_whose_they_are() {
        for code in ["ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "SignatureDoesNotMatch"] {
            let answer = Answer { code: Some(code), status: 403, message: "" };
            assert_eq!(kind_of(&answer, Signer::Operator), RefusalKind::OwnCredentials, "{code}");
            assert_eq!(kind_of(&answer, Signer::Session), RefusalKind::Unavailable, "{code}");
        }
        for (code, message, kind) in [
            (
                "InvalidClientTokenId",
                "The security token included in the request is invalid.",
                RefusalKind::KeysRefused,
            ),
            ("InvalidAccessKeyId", "does not exist in our records", RefusalKind::KeysRefused),
            ("SignatureDoesNotMatch", "Check your AWS Secret Access Key", RefusalKind::KeysRefused),
            ("SignatureDoesNotMatch", "Signature expired: 20260901T000000Z is now earlier", RefusalKind::Unavailable),
            ("RequestExpired", "", RefusalKind::Unavailable),
        ] {
            let answer = Answer { code: Some(code), status: 403, message };
            assert_eq!(kind_of(&answer, Signer::Keys), kind, "{code} {message}");
        }
    }

    #[test]
    fn having_no_credentials_is_our_own_fault() {
        let question =
            Question { operation: Operation::GetCallerIdentity, resource: "*".into(), signer: Signer::Operator };
        let missing = ConnectorError::other(CredentialsError::not_loaded("no providers in chain").into(), None);
        let refusal = question.refused(&SdkError::<GetCallerIdentityError>::dispatch_failure(missing));
        assert_eq!((refusal.kind, refusal.code.as_str()), (RefusalKind::OwnCredentials, "NoCredentials"));
        let silence = ConnectorError::timeout("connect timed out".into());
        let refusal = question.refused(&SdkError::<GetCallerIdentityError>::dispatch_failure(silence));
        assert_eq!((refusal.kind, refusal.code.as_str()), (RefusalKind::Unavailable, "Timeout"));
        assert_eq!(refusal.action, "sts:GetCallerIdentity");
    }
}
