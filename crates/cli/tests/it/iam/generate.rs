//! Trust policies by the hundred, the same ones each time: sound ones, and what people and mistakes make of them.

use serde_json::{Map, Value, json};

use crate::kit::world::OPERATOR_ARN;

/// Someone else in the operator's account.
pub const COLLEAGUE: &str = "arn:aws:iam::999999999999:user/somebody";
/// Someone of another account.
pub const STRANGER: &str = "arn:aws:iam::888888888888:user/somebody";

/// A deterministic stream of choices.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits fit") % bound
    }

    fn one<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    /// One time in `many`.
    fn rarely(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }
}

/// `count` different trust policies for the org whose external id is `right`.
pub fn policies(right: &str, count: usize) -> Vec<Value> {
    let mut maker = Maker { dice: Dice(20_261_122), right };
    let mut all = maker.each_alone();
    while all.len() < count {
        let policy = maker.policy();
        if !all.contains(&policy) {
            all.push(policy);
        }
    }
    all
}

struct Maker<'a> {
    dice: Dice,
    right: &'a str,
}

const OPERATORS: [&str; 18] = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "StringEqualsIfExists",
    "StringLikeIfExists",
    "StringEqualsIgnoreCaseIfExists",
    "StringNotEqualsIfExists",
    "ForAnyValue:StringEquals",
    "ForAnyValue:StringLike",
    "ForAnyValue:StringNotEquals",
    "ForAllValues:StringEquals",
    "ForAllValues:StringLike",
    "ForAllValues:StringEqualsIfExists",
    "ForAllValues:StringNotEquals",
    "Null",
];

impl Maker<'_> {
    /// Each operator, each principal and each action alone, beside what is otherwise sound.
    fn each_alone(&mut self) -> Vec<Value> {
        let sound = json!({ "StringEquals": { "sts:ExternalId": self.right } });
        let statement = |principal: Value, action: Value, condition: Value| {
            let (who, principal) = principal.as_object().expect("who").iter().next().expect("one");
            let (what, action) = action.as_object().expect("what").iter().next().expect("one");
            document(&[json!({ "Effect": "Allow", (who): principal, (what): action, "Condition": condition })])
        };
        let (operator, assume) =
            (json!({ "Principal": { "AWS": OPERATOR_ARN } }), json!({ "Action": "sts:AssumeRole" }));
        let mut all = Vec::new();
        for name in OPERATORS {
            for values in self.values(name) {
                let condition = json!({ (name): { "sts:ExternalId": values } });
                all.push(statement(operator.clone(), assume.clone(), condition));
            }
        }
        for principal in principals() {
            all.push(statement(principal, assume.clone(), sound.clone()));
        }
        for action in actions() {
            all.push(statement(operator.clone(), action, sound.clone()));
        }
        all.push(document(&[
            json!({ "Effect": "Allow", "Principal": { "AWS": OPERATOR_ARN }, "Action": "sts:AssumeRole" }),
        ]));
        all
    }

    /// The values that an operator is tried with.
    fn values(&self, operator: &str) -> Vec<Value> {
        let right = self.right;
        if operator == "Null" {
            return vec![json!("true"), json!("false"), json!(false), json!(["true", "false"])];
        }
        let (head, tail) = right.split_at(right.len() / 2);
        vec![
            json!(right),
            json!([right]),
            json!([right, "987654321"]),
            json!("987654321"),
            json!("*"),
            json!(format!("{right}*")),
            json!(format!("*{right}")),
            json!(format!("{head}*")),
            json!(format!("{head}?{}", &tail[1..])),
            json!(format!("{head}*{tail}")),
            json!(["*-none", right]),
        ]
    }

    /// A policy of one to three statements.
    fn policy(&mut self) -> Value {
        let mut statements = vec![self.allow()];
        if self.dice.rarely(3) {
            statements.push(self.deny());
        }
        if self.dice.rarely(4) {
            statements.push(self.allow());
        }
        if self.dice.rarely(5) {
            statements.reverse();
        }
        let mut document = document(&statements);
        if self.dice.rarely(8) {
            let only = document["Statement"][0].clone();
            document["Statement"] = only;
        }
        if self.dice.rarely(10) {
            document["Version"] = json!("2008-10-17");
        }
        document
    }

    fn allow(&mut self) -> Value {
        let mut statement =
            json!({ "Effect": "Allow", "Principal": { "AWS": OPERATOR_ARN }, "Action": "sts:AssumeRole" });
        if self.dice.rarely(3) {
            replace(&mut statement, ["Principal", "NotPrincipal"], &self.dice.one(&principals()));
        }
        if self.dice.rarely(4) {
            replace(&mut statement, ["Action", "NotAction"], &self.dice.one(&actions()));
        }
        let mut conditions = Map::new();
        if self.dice.rarely(2) {
            add(&mut conditions, "StringEquals", "sts:ExternalId", json!(self.right));
        }
        for _ in 0..self.dice.below(3) {
            let (operator, key, values) = self.condition();
            add(&mut conditions, &operator, &key, values);
        }
        if !conditions.is_empty() {
            statement["Condition"] = Value::Object(conditions);
        }
        statement
    }

    fn deny(&mut self) -> Value {
        let everyone = [
            json!({ "Principal": "*" }),
            json!({ "Principal": { "AWS": "*" } }),
            json!({ "Principal": { "AWS": OPERATOR_ARN } }),
        ];
        let others = [
            json!({ "NotPrincipal": { "AWS": [OPERATOR_ARN, "arn:aws:iam::999999999999:root"] } }),
            json!({ "Principal": { "AWS": STRANGER } }),
        ];
        let mut statement = json!({ "Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole" });
        let who = if self.dice.rarely(4) { self.dice.one(&others) } else { self.dice.one(&everyone) };
        replace(&mut statement, ["Principal", "NotPrincipal"], &who);
        let operator = self.dice.one(&[
            "StringNotEquals",
            "StringNotLike",
            "StringNotEqualsIgnoreCase",
            "StringNotEqualsIfExists",
        ]);
        let mut conditions = Map::new();
        if self.dice.rarely(3) {
            let (operator, key, values) = self.condition();
            add(&mut conditions, &operator, &key, values);
        } else {
            let value = self.dice.one(&self.values(operator));
            add(&mut conditions, operator, "sts:ExternalId", value);
        }
        if !self.dice.rarely(8) {
            statement["Condition"] = Value::Object(conditions);
        }
        statement
    }

    /// An operator, a key and its values.
    fn condition(&mut self) -> (String, String, Value) {
        let known = [
            ("ArnLike", "aws:PrincipalArn", json!("arn:aws:iam::999999999999:user/*")),
            ("ArnEquals", "aws:PrincipalArn", json!(OPERATOR_ARN)),
            ("ArnNotLike", "aws:PrincipalArn", json!([COLLEAGUE, STRANGER])),
            ("StringEquals", "aws:PrincipalAccount", json!("999999999999")),
            ("StringLike", "aws:PrincipalArn", json!("*:user/somebody")),
            ("StringLike", "sts:RoleSessionName", json!("flexera*")),
            ("Bool", "aws:SecureTransport", json!("true")),
            ("BoolIfExists", "aws:SecureTransport", json!(false)),
            ("Null", "aws:PrincipalArn", json!("false")),
        ];
        if self.dice.rarely(3) {
            let (operator, key, values) = self.dice.one(&known);
            return (operator.to_owned(), key.to_owned(), values);
        }
        let operator = self.dice.one(&OPERATORS);
        let key = self.dice.one(&["sts:ExternalId", "sts:ExternalId", "sts:externalid", "STS:EXTERNALID"]);
        (operator.to_owned(), key.to_owned(), self.dice.one(&self.values(operator)))
    }
}

/// Whom a statement may name, under `Principal` or `NotPrincipal`.
fn principals() -> Vec<Value> {
    let (operator, root) = (OPERATOR_ARN, "arn:aws:iam::999999999999:root");
    vec![
        json!({ "Principal": { "AWS": [operator] } }),
        json!({ "Principal": { "AWS": [COLLEAGUE, operator] } }),
        json!({ "Principal": { "AWS": root } }),
        json!({ "Principal": { "AWS": "999999999999" } }),
        json!({ "Principal": { "AWS": ["888888888888", root] } }),
        json!({ "Principal": { "AWS": "*" } }),
        json!({ "Principal": "*" }),
        json!({ "Principal": { "AWS": operator, "Service": "ec2.amazonaws.com" } }),
        json!({ "Principal": { "Service": ["ec2.amazonaws.com", "lambda.amazonaws.com"] } }),
        json!({ "Principal": { "Federated": "cognito-identity.amazonaws.com" } }),
        json!({ "Principal": { "AWS": COLLEAGUE } }),
        json!({ "Principal": { "AWS": STRANGER } }),
        json!({ "Principal": { "AWS": "888888888888" } }),
        json!({ "Principal": { "AWS": operator.replace("billconnect", "BillConnect") } }),
        json!({ "Principal": { "AWS": operator.replace("arn:aws:", "arn:aws-cn:") } }),
        json!({ "Principal": { "AWS": "arn:aws:iam::999999999999:role/billconnect" } }),
        json!({ "Principal": { "AWS": "arn:aws:sts::999999999999:assumed-role/billconnect/session" } }),
        json!({ "NotPrincipal": { "AWS": STRANGER } }),
        json!({ "NotPrincipal": { "AWS": operator } }),
        json!({ "NotPrincipal": { "AWS": [root, "888888888888"] } }),
    ]
}

/// What a statement may be about, under `Action` or `NotAction`.
fn actions() -> Vec<Value> {
    vec![
        json!({ "Action": ["sts:AssumeRole", "sts:TagSession"] }),
        json!({ "Action": "sts:*" }),
        json!({ "Action": "*" }),
        json!({ "Action": "STS:assumerole" }),
        json!({ "Action": "sts:Assume?ole" }),
        json!({ "Action": ["sts:Assume*"] }),
        json!({ "Action": "sts:TagSession" }),
        json!({ "Action": ["sts:AssumeRoleWith*", "sts:SetSourceIdentity"] }),
        json!({ "NotAction": "sts:TagSession" }),
        json!({ "NotAction": ["sts:Assume*"] }),
    ]
}

/// Takes out what the statement has under either name and puts the other in.
fn replace(statement: &mut Value, names: [&str; 2], by: &Value) {
    let members = statement.as_object_mut().expect("a statement");
    for name in names {
        members.remove(name);
    }
    members.extend(by.as_object().expect("one member").clone());
}

fn add(conditions: &mut Map<String, Value>, operator: &str, key: &str, values: Value) {
    let keys = conditions.entry(operator).or_insert_with(|| json!({}));
    // A key that differs in case alone would stand twice.
    let taken = keys.as_object().expect("keys").keys().any(|known| known.eq_ignore_ascii_case(key));
    if !taken {
        keys[key] = values;
    }
}

fn document(statements: &[Value]) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}
