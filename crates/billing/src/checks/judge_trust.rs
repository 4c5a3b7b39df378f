//! Judges the role and its trust: may we assume it, and can nobody else through us.

use crate::checks::cause::Cause;
use crate::checks::judge::{Subject, undecided};
use crate::checks::remedy;
use crate::checks::report::{CheckResult, Verdict};
use crate::checks::spec::Check;
use crate::connection::RoleAccess;
use crate::probe::{Evidence, Probe, Refusal};

/// The role that is judged, and what for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trust<'a> {
    pub(super) role: &'a RoleAccess,
    pub(super) subject: Subject<'a>,
}

impl Trust<'_> {
    /// The trust policy to paste.
    fn remedy(self) -> String {
        remedy::trust(self.role, self.subject.operator_arn)
    }
}

pub(super) fn role_arn_well_formed(trust: Trust<'_>, evidence: &Evidence) -> CheckResult {
    let check = Check::RoleArnWellFormed;
    let role = &trust.role.arn;
    match &evidence.operator {
        Probe::Granted(operator) if operator.account == role.account().as_ref() => CheckResult::failed(
            check,
            format!("the role `{role}` lives in the operator's own account"),
            "send a role of the customer's payer account",
        ),
        Probe::Granted(operator) if partition(&operator.arn) != role.partition().as_str() => CheckResult::failed(
            check,
            format!(
                "the role `{role}` lives in the partition `{}`, and the operator in `{}`: no role is assumed across partitions",
                role.partition(),
                partition(&operator.arn)
            ),
            "connect it with an operator that has an account in the role's partition",
        ),
        Probe::Granted(_) => CheckResult::passed(check, format!("`{role}` is a role of account {}", role.account())),
        Probe::Refused(refusal) => undecided(check, refusal),
        Probe::NotAsked(why) => CheckResult::skipped(check, *why),
    }
}

/// The partition that an ARN names.
fn partition(arn: &str) -> &str {
    arn.split(':').nth(1).unwrap_or_default()
}

pub(super) fn role_account_is_payer(trust: Trust<'_>, _: &Evidence) -> CheckResult {
    let check = Check::RoleAccountIsPayer;
    let (role, payer) = (trust.role.arn.account(), &trust.subject.candidate.account);
    if role == *payer {
        return CheckResult::passed(check, format!("the role lives in the bill account {payer}"));
    }
    CheckResult::failed(
        check,
        format!("the role lives in account {role}, but the bill account of the request is {payer}"),
        format!("make the role in account {payer}, or send {role} as the bill account if that is the payer"),
    )
}

pub(super) fn role_assumable(trust: Trust<'_>, evidence: &Evidence) -> CheckResult {
    let check = Check::RoleAssumable;
    match &evidence.assumed {
        Probe::Granted(caller) if trust.role.arn.is_session(&caller.arn) => {
            CheckResult::passed(check, format!("the session is `{}`", caller.arn))
        }
        Probe::Granted(caller) => CheckResult::failed(
            check,
            format!("the session is `{}`, which is not the role that was asked for", caller.arn),
            check.spec().remediation,
        ),
        Probe::Refused(refusal) if refusal.kind.is_denial() => not_assumable(trust, refusal),
        Probe::Refused(refusal) => undecided(check, refusal),
        Probe::NotAsked(why) => CheckResult::skipped(check, *why),
    }
}

pub(super) fn external_id_required(trust: Trust<'_>, evidence: &Evidence) -> CheckResult {
    let check = Check::ExternalIdRequired;
    match &evidence.without_id {
        Probe::Granted(()) => {
            CheckResult::failed(check, "the role can be assumed without an external id", trust.remedy())
        }
        Probe::Refused(refusal) if is_clean(refusal) => {
            CheckResult::passed(check, "AWS denies a request without an external id").with_refusal(refusal)
        }
        Probe::Refused(refusal) => undecided(check, refusal),
        Probe::NotAsked(why) => CheckResult::skipped(check, *why),
    }
}

pub(super) fn external_id_exact(trust: Trust<'_>, evidence: &Evidence) -> CheckResult {
    let check = Check::ExternalIdExact;
    if let Some((how, _)) = evidence.forged.iter().find(|(_, probe)| probe.granted().is_some()) {
        return CheckResult::failed(
            check,
            format!("the role can be assumed with a wrong external id: {how}"),
            trust.remedy(),
        );
    }
    let unclear = |probe: &&Probe<()>| probe.refusal().is_none_or(|refusal| !is_clean(refusal));
    match evidence.forged.iter().map(|(_, probe)| probe).find(unclear) {
        Some(Probe::Refused(refusal)) => undecided(check, refusal),
        Some(Probe::NotAsked(why)) => CheckResult::skipped(check, *why),
        _ if evidence.forged.is_empty() => CheckResult::skipped(check, "no wrong external id was tried"),
        _ => {
            let mut tried: Vec<&str> = Vec::new();
            for (how, _) in &evidence.forged {
                // Several wrong ids differ in the same way, at other places.
                if !tried.contains(how) {
                    tried.push(how);
                }
            }
            CheckResult::passed(check, format!("AWS denies {}", tried.join(", ")))
        }
    }
}

/// Whether a denial is the role's own: one by a policy on our side would say nothing of who else gets in.
fn is_clean(refusal: &Refusal) -> bool {
    refusal.kind.is_denial() && !Cause::of(refusal).is_ours(&refusal.action)
}

/// The line for a role that could not be assumed for a reason that AWS tells.
fn not_assumable(trust: Trust<'_>, refusal: &Refusal) -> CheckResult {
    let check = Check::RoleAssumable;
    let cause = Cause::of(refusal);
    if cause.is_ours(&refusal.action) {
        let found = format!(
            "the operator's own side keeps it from assuming the role: {}; nothing is known of the role",
            cause.sentence().unwrap_or_default()
        );
        let remedy = "nothing to mend on the customer's side: the operator lets its own principal `sts:AssumeRole`";
        return CheckResult { remedy: remedy.into(), ..CheckResult::new(check, Verdict::Unknown, found) }
            .with_refusal(refusal);
    }
    let told = cause.sentence().map_or_else(
        || {
            "the role does not exist, its trust policy does not name the operator's principal, or it requires another external id (AWS \
             answers all three alike)"
                .to_owned()
        },
        |sentence| format!("AWS names {sentence}"),
    );
    let found = format!("AWS denied assuming the role with the org's external id: {told}");
    let remedy = remedy::above_trust(trust.role, &cause).unwrap_or_else(|| trust.remedy());
    CheckResult::failed(check, found, remedy).with_refusal(refusal)
}
