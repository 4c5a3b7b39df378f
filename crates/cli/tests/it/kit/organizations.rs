//! An organization in the emulator: units and accounts, made, moved and closed by its management account.

use serde_json::{Value, json};

use super::admin::Admin;

impl Admin {
    /// One call of Organizations.
    pub async fn organizations(&self, operation: &str, body: Value) -> Value {
        self.json(("organizations", &format!("AWSOrganizationsV20161128.{operation}")), &body).await
    }

    /// The id of the organization's root.
    pub async fn root(&self) -> String {
        text(&self.organizations("ListRoots", json!({})).await["Roots"][0]["Id"])
    }

    /// Makes a unit below another or the root, and gives its id.
    pub async fn unit(&self, parent: &str, name: &str) -> String {
        let made = self.organizations("CreateOrganizationalUnit", json!({ "ParentId": parent, "Name": name })).await;
        text(&made["OrganizationalUnit"]["Id"])
    }

    /// Makes an account right below the root, and gives its number.
    pub async fn member(&self, name: &str, tags: Value) -> String {
        let asked = json!({ "AccountName": name, "Email": format!("{name}@example.com"), "Tags": tags });
        let made = self.organizations("CreateAccount", asked).await;
        text(&made["CreateAccountStatus"]["AccountId"])
    }

    /// Moves an account from one unit or root to another.
    pub async fn move_account(&self, account: &str, (from, to): (&str, &str)) {
        let asked = json!({ "AccountId": account, "SourceParentId": from, "DestinationParentId": to });
        self.organizations("MoveAccount", asked).await;
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
