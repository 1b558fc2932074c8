// Reads a provisioning log with Microsoft's Graph client for JavaScript, as its documentation does it.
//
//   graph.mjs BASE_URL FILTER PAGE_SIZE     FILTER may be empty; the token is in TOKEN
//
// Prints one JSON object a line: what the client made of each entry. A refusal ends with exit code 1 and
// its code and message in one line on stderr. BASE_URL is https and its host that of the server's own
// links: the client sends its token nowhere else. NODE_PATH is what tests/conformance/node prints,
// NODE_EXTRA_CA_CERTS the certificate to trust.
import { createRequire } from "node:module";
const require = createRequire(import.meta.url); // what is imported is not looked for in NODE_PATH
const { Client, GraphError, PageIterator } = require("@microsoft/microsoft-graph-client");

const [baseUrl, wanted, pageSize] = process.argv.slice(2);
const client = Client.initWithMiddleware({
  baseUrl: `${baseUrl}/`,
  customHosts: new Set([new URL(baseUrl).hostname]),
  authProvider: { getAccessToken: async () => process.env.TOKEN },
});

const show = (entry) => {
  const { id, provisioningAction, provisioningStatusInfo, activityDateTime } = entry;
  const status = provisioningStatusInfo?.status;
  console.log(JSON.stringify({ id, provisioningAction, status, activityDateTime }));
  return true;
};

try {
  const request = client.api("/auditLogs/provisioning").top(Number(pageSize));
  const first = await (wanted ? request.filter(wanted) : request).get();
  await new PageIterator(client, first, show).iterate();
} catch (error) {
  if (!(error instanceof GraphError)) throw error;
  console.error(`${error.code ?? error.statusCode}: ${error.message}`);
  process.exitCode = 1;
}
