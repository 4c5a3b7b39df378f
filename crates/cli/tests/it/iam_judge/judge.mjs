// Asks an independent evaluator who may assume a role. One JSON object a line comes in: a role's trust policy and the requests
// to decide. One JSON list a line goes out: whether each is allowed. Ends with its input.
import { createInterface } from 'node:readline'
import { runSimulation } from '@cloud-copilot/iam-simulate'

const mayAssume = {
  name: 'may-assume',
  policy: {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Resource: '*' }]
  }
}

async function allowed({ role, account, trust }, { principal, context }) {
  const answer = await runSimulation(
    {
      request: {
        principal,
        action: 'sts:AssumeRole',
        resource: { resource: role, accountId: account },
        contextVariables: context
      },
      identityPolicies: [mayAssume],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      resourcePolicy: trust
    },
    {}
  )
  if (answer.resultType === 'error') {
    throw new Error(`${JSON.stringify(answer.errors)} on ${JSON.stringify(trust)}`)
  }
  return answer.overallResult === 'Allowed'
}

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line)
  const answers = []
  for (const request of asked.requests) {
    answers.push(await allowed(asked, request))
  }
  console.log(JSON.stringify(answers))
}
