//! What came of looking at an organization, in words that a cloud administrator can act on.

use std::str::FromStr;

use crate::names::AccountId;
use crate::probe::{Organization, Refusal, RefusalKind};

/// Where the knowledge of an organization stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrganizationState {
    /// It was not looked at yet.
    Pending,
    /// All of it was seen at the last look.
    Known,
    /// The connected account is a member, and AWS shows an organization to its management account.
    NotManagementAccount,
    /// The connected account is in no organization.
    NotInOrganization,
    /// A permission is missing, or the way into the account is closed.
    Denied,
    /// AWS asks to be asked more slowly.
    Throttled,
    /// AWS gave no answer, or none that can be used.
    Unavailable,
}

impl OrganizationState {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Known,
        Self::NotManagementAccount,
        Self::NotInOrganization,
        Self::Denied,
        Self::Throttled,
        Self::Unavailable,
    ];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Known => "known",
            Self::NotManagementAccount => "not-management-account",
            Self::NotInOrganization => "not-in-organization",
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
        }
    }

    /// Whether looking again soon may show more: something passes or was perhaps mended. What else is known stays so for a day.
    pub fn may_pass(self) -> bool {
        matches!(self, Self::Denied | Self::Throttled | Self::Unavailable)
    }
}

impl FromStr for OrganizationState {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|state| state.name() == text).ok_or("it is no state of an organization")
    }
}

/// What came of a look, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The organization, where AWS described it.
    pub organization: Option<Organization>,
    /// Where it stands.
    pub state: OrganizationState,
    /// What is in the way, and what to do; nothing where all was seen.
    pub problem: Option<String>,
}

impl Look {
    /// A look that saw all.
    pub fn whole(organization: Organization) -> Self {
        Self { organization: Some(organization), state: OrganizationState::Known, problem: None }
    }

    /// A look at the organization of `payer` that ended with a refusal; the organization, where AWS had described it by then.
    pub fn refused(payer: &AccountId, organization: Option<Organization>, refusal: &Refusal) -> Self {
        let member = organization.as_ref().filter(|organization| organization.management_account != payer.as_ref());
        let (state, problem) = match refusal.kind {
            RefusalKind::NotInUse => (
                OrganizationState::NotInOrganization,
                format!(
                    "account {payer} is in no organization, so there are no other accounts, units or account tags; nothing needs to be done"
                ),
            ),
            // AWS has the same words for a member account and for a missing permission.
            kind if kind.is_denial() && refusal.action != ASSUME => match member {
                Some(organization) => (OrganizationState::NotManagementAccount, not_management(payer, organization)),
                None => (OrganizationState::Denied, denied(payer, refusal)),
            },
            RefusalKind::KeysRefused | RefusalKind::Denied => (
                OrganizationState::Denied,
                format!("the way into account {payer} is closed: `billconnect checks` says what to mend ({refusal})"),
            ),
            RefusalKind::Throttled => (
                OrganizationState::Throttled,
                format!(
                    "AWS asks for fewer questions about the organization of account {payer} ({refusal}); it is asked again by itself. All tools \
                     that list the organization share one limit, so others that ask much keep this one waiting"
                ),
            ),
            _ => (
                OrganizationState::Unavailable,
                format!("AWS gave no answer that can be used ({refusal}); it is asked again by itself"),
            ),
        };
        Self { organization, state, problem: Some(problem) }
    }

    /// A look whose answers can't be used.
    pub fn unusable(organization: Organization, why: &str) -> Self {
        let problem = format!("{why}: the accounts stay as they were; please report it");
        Self { organization: Some(organization), state: OrganizationState::Unavailable, problem: Some(problem) }
    }
}

const ASSUME: &str = "sts:AssumeRole";

fn not_management(payer: &AccountId, organization: &Organization) -> String {
    let Organization { id, management_account } = organization;
    format!(
        "account {payer} is not the management account: it is a member of the organization `{id}`, which AWS shows to account \
         {management_account} alone. Connect account {management_account} to have accounts named, or leave it: this bill is read all the same"
    )
}

fn denied(payer: &AccountId, refusal: &Refusal) -> String {
    format!(
        "`{}` is denied: grant the role in account {payer} `organizations:Describe*` and `organizations:List*` on `*` (the statement \
         `AccountNames` of the policy that `billconnect setup` prints). Where it has that, a service control policy forbids it ({refusal})",
        refusal.action
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(action: &str, kind: RefusalKind, manager: Option<&str>) -> (&'static str, String) {
        let refusal = Refusal {
            action: action.to_owned(),
            resource: "*".to_owned(),
            kind,
            code: "Code".to_owned(),
            message: "AWS's words".to_owned(),
            request_id: None,
        };
        let organization =
            manager.map(|manager| Organization { id: "o-acme".to_owned(), management_account: manager.to_owned() });
        let look = Look::refused(&"123456789012".parse().unwrap(), organization, &refusal);
        (look.state.name(), look.problem.unwrap())
    }

    #[test]
    fn what_is_in_the_way_is_told_apart() {
        let (list, own, other) = ("organizations:ListAccounts", Some("123456789012"), Some("999999999999"));
        for (action, kind, manager, state, says) in [
            (list, RefusalKind::Denied, own, "denied", "`organizations:List*`"),
            ("organizations:DescribeOrganization", RefusalKind::Denied, None, "denied", "`organizations:Describe*`"),
            (list, RefusalKind::Denied, other, "not-management-account", "Connect account 999999999999"),
            (list, RefusalKind::NotInUse, None, "not-in-organization", "nothing needs to be done"),
            (list, RefusalKind::Throttled, own, "throttled", "asked again by itself"),
            (list, RefusalKind::Throttled, other, "throttled", "asked again by itself"),
            (list, RefusalKind::Unavailable, own, "unavailable", "asked again by itself"),
            ("sts:AssumeRole", RefusalKind::Denied, None, "denied", "`billconnect checks`"),
            ("sts:AssumeRole", RefusalKind::Denied, other, "denied", "`billconnect checks`"),
            (list, RefusalKind::KeysRefused, own, "denied", "`billconnect checks`"),
        ] {
            let (found, problem) = refused(action, kind, manager);
            assert_eq!(found, state, "{action} {kind:?} {manager:?}: {problem}");
            assert!(problem.contains(says), "{problem}");
        }
        for state in OrganizationState::ALL {
            assert_eq!(state.name().parse(), Ok(state));
        }
    }
}
