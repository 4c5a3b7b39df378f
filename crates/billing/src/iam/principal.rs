//! Whom a trust policy means: its principals compared with someone who asks.

use super::document::{Effect, Only, Principal};
use super::truth::Truth;

/// Someone who asks to assume a role: an IAM user or a role, by its ARN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    arn: String,
    account: String,
}

/// A text that is not the ARN of someone who could ask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the ARN of a user, a role or an account: it looks like `arn:aws:iam::123456789012:user/name`")]
pub struct NotAnAsker(String);

impl Asker {
    /// The user, role or account with this ARN. An account stands for someone in it.
    pub fn new(arn: &str) -> Result<Self, NotAnAsker> {
        let fields: Vec<&str> = arn.splitn(6, ':').collect();
        match fields[..] {
            ["arn", _, "iam", "", account, resource] if is_account(account) && is_asker(resource) => {
                Ok(Self { arn: arn.to_owned(), account: account.to_owned() })
            }
            _ => Err(NotAnAsker(arn.chars().take(128).collect())),
        }
    }

    /// The ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The account's 12 digits.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The user's name, without its path, if it is a user.
    pub(super) fn user_name(&self) -> Option<&str> {
        self.arn.split_once(":user/").map(|(_, path)| path.rsplit('/').next().unwrap_or(path))
    }

    /// Whether only the account is known, and not who in it.
    pub(super) fn is_account(&self) -> bool {
        self.arn.ends_with(":root")
    }

    /// Whether this is the very one that is named.
    fn is(&self, named: &str) -> Truth {
        if self.arn == named {
            return Truth::Yes;
        }
        let same_account = named.split(':').nth(4) == Some(self.account.as_str());
        if self.is_account() && same_account {
            return Truth::Open(format!("whether the operator is `{named}`"));
        }
        match named.split_once(":assumed-role/") {
            Some((_, session)) if same_account && self.is_role_of(session) => {
                Truth::Open(format!("whether the operator's session is `{named}`"))
            }
            _ => Truth::No,
        }
    }

    /// Whether a session `name/session` is one of this role. STS leaves a role's path out of it.
    fn is_role_of(&self, session: &str) -> bool {
        let role = self.arn.split_once(":role/").map(|(_, path)| path.rsplit('/').next().unwrap_or(path));
        role.is_some() && role == session.split('/').next()
    }

    fn matches(&self, principal: &Principal) -> Truth {
        match principal {
            Principal::Anyone => Truth::Yes,
            Principal::Account(account) => (*account == self.account).into(),
            Principal::Arn(arn) => self.is(arn),
            Principal::Gone(_) | Principal::Other(_) => Truth::No,
        }
    }

    /// Whether a statement with these principals is about this asker.
    pub(super) fn is_meant(&self, principals: &Only<Principal>, effect: Effect) -> Truth {
        match principals {
            Only::In(all) => Truth::any(all.iter().map(|principal| self.matches(principal))),
            Only::NotIn(all) => {
                let named = Truth::any(all.iter().map(|principal| self.matches(principal)));
                let account_too =
                    all.iter().any(|p| *p == Principal::Anyone || *p == Principal::Account(self.account.clone()));
                // AWS: a denial of all but someone may deny that one too, unless its account is named beside it.
                if effect == Effect::Deny && named == Truth::Yes && !account_too {
                    return Truth::Open(format!("`NotPrincipal` without the account {}", self.account));
                }
                named.negate()
            }
        }
    }
}

/// Whether a text is an account's 12 digits.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_asker(resource: &str) -> bool {
    let named = ["user/", "role/"].iter().any(|kind| resource.strip_prefix(kind).is_some_and(|name| !name.is_empty()));
    resource == "root" || (named && !resource.contains(['*', '?']))
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: &str = "arn:aws:iam::999999999999:user/ops/billconnect";
    const ROLE: &str = "arn:aws:iam::999999999999:role/ops/billconnect";

    fn meant(asker: &str, principals: &Only<Principal>, effect: Effect) -> Truth {
        Asker::new(asker).unwrap().is_meant(principals, effect)
    }

    fn arn(text: &str) -> Principal {
        Principal::Arn(text.into())
    }

    #[test]
    fn someone_is_meant_by_name_by_account_and_by_anyone() {
        let own = Principal::Account("999999999999".into());
        let other = Principal::Account("111111111111".into());
        for (principal, expected) in [
            (arn(USER), Truth::Yes),
            (arn("arn:aws:iam::999999999999:user/billconnect"), Truth::No),
            (arn("arn:aws-cn:iam::999999999999:user/ops/billconnect"), Truth::No),
            (own, Truth::Yes),
            (other, Truth::No),
            (Principal::Anyone, Truth::Yes),
            (Principal::Gone("AIDAEXAMPLE".into()), Truth::No),
            (Principal::Other("ec2.amazonaws.com".into()), Truth::No),
        ] {
            let shown = format!("{principal:?}");
            assert_eq!(meant(USER, &Only::In(vec![principal]), Effect::Allow), expected, "{shown}");
        }
    }

    #[test]
    fn a_session_of_our_role_may_or_may_not_be_ours() {
        let session = "arn:aws:sts::999999999999:assumed-role/billconnect/i-0abc";
        assert!(matches!(meant(ROLE, &Only::In(vec![arn(session)]), Effect::Allow), Truth::Open(_)));
        assert_eq!(meant(USER, &Only::In(vec![arn(session)]), Effect::Allow), Truth::No);
        assert_eq!(meant(ROLE, &Only::In(vec![arn(ROLE)]), Effect::Allow), Truth::Yes);
    }

    #[test]
    fn all_but_someone() {
        let account = Principal::Account("999999999999".into());
        let stranger = arn("arn:aws:iam::111111111111:root");
        assert_eq!(meant(USER, &Only::NotIn(vec![arn(USER), account.clone()]), Effect::Deny), Truth::No);
        assert!(matches!(meant(USER, &Only::NotIn(vec![arn(USER)]), Effect::Deny), Truth::Open(_)));
        assert_eq!(meant(USER, &Only::NotIn(vec![stranger]), Effect::Deny), Truth::Yes);
        assert_eq!(meant(USER, &Only::NotIn(vec![account]), Effect::Allow), Truth::No);
    }

    #[test]
    fn what_cannot_ask_is_refused() {
        for wrong in ["", "billconnect", "arn:aws:iam::999999999999:user/*", "arn:aws:iam::1:user/a", "arn:aws:s3:::b"]
        {
            assert!(Asker::new(wrong).is_err(), "{wrong}");
        }
        assert!(matches!(
            meant("arn:aws:iam::999999999999:root", &Only::In(vec![arn(USER)]), Effect::Allow),
            Truth::Open(_)
        ));
    }
}
