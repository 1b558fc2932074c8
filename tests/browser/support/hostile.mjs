// A store whose every text is hostile, written by real requests of SCIM and of the API.
import { both } from './company.mjs';
import { startFresh } from './server.mjs';

export const APP = 'hostile';

// Markup that would run or load something if it were not shown as text.
export const MARKUP =
  `<script>window.hostile=1</script><img src=x onerror="window.hostile=1">` +
  `"'\`--></title></style></textarea></svg><svg onload=window.hostile=1>{{7*7}}`;
// Letters of the right-to-left kind, and marks that turn the direction of what follows.
export const RTL = '\u202Etxt.exe\u202C\u2067abc\u2069\u200Fשלום \u061Cمرحبا';
export const EMOJI = '👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🫠 Z̴̡͙͎̏̑͝a̷͈̾l̵̰̈g̶̢̛o̸̱͒';
export const CONTROL = 'nul\u0000 bell\u0007 escape\u001b[31m delete\u007f next\u0085 line\u2028 tab\t newline\r\nend';
export const FORMULA = `=HYPERLINK("javascript:window.hostile=1";"click")`;
export const SCRIPT_URL = 'javascript:window.hostile=1';

// The longest name that is looked up, and the longest other value; 1,024 and 65,536 bytes.
export const LONG_NAME = 'long-'.padEnd(1_024, 'n');
export const LONG_VALUE = `<b>${MARKUP}`.padEnd(65_536, 'W');

const NAMES = {
  markup: MARKUP,
  rtl: RTL,
  emoji: EMOJI,
  control: CONTROL,
  formula: FORMULA,
  long: LONG_NAME,
};

const USER = 'urn:ietf:params:scim:schemas:core:2.0:User';
const ENTERPRISE = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User';
const GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group';
const PATCH = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';

// A name that is different in each field, and as short as what is looked up has to be.
const named = (text, field) => `${field} ${text}`.slice(0, 1_000);

export async function startHostile() {
  const server = await startFresh();
  server.auditedApp = APP;
  server.users = {};
  server.groups = {};
  // Two applications, so that lists of both name each.
  await server.api('POST', '/api/v1/apps', { body: { application: 'other-one' } });
  const { secretToken } = await server.api('POST', '/api/v1/apps', { body: { application: APP } });
  const scim = (method, address, body, status) =>
    server.api(method, `/apps/${APP}/scim/v2${address}`, {
      token: secretToken,
      body: JSON.stringify(body),
      status,
      headers: {
        'content-type': 'application/scim+json',
        // Headers hold bytes from 0x20 to 0x7e.
        'user-agent': `<script>window.hostile=1</script> "'&amp;`,
        'x-request-id': `<img src=x onerror=window.hostile=1>`,
      },
    });

  for (const [kind, text] of Object.entries(NAMES)) {
    const value = kind === 'long' ? LONG_VALUE : text;
    const user = {
      schemas: [USER, ENTERPRISE],
      userName: named(text, 'user'),
      externalId: named(text, 'external'),
      displayName: named(text, 'display'),
      title: value,
      name: { givenName: value.slice(0, 2_000), familyName: value.slice(0, 2_000) },
      emails: [{ value: `${kind}@hostile.example`, type: 'work', primary: true }],
      active: true,
      [ENTERPRISE]: { department: value },
    };
    const made = await scim('POST', '/Users', user, 201);
    server.users[kind] = made.id;
    for (const operation of [
      { op: 'replace', path: 'title', value: `changed ${text}` },
      { op: 'replace', path: `${ENTERPRISE}:department`, value: `changed ${text}` },
      { op: 'replace', path: 'active', value: false },
      { op: 'replace', path: 'active', value: true },
    ]) {
      await scim('PATCH', `/Users/${made.id}`, { schemas: [PATCH], Operations: [operation] });
    }
    await scim('POST', '/Users', user, 409);
    const group = { displayName: named(text, 'group'), externalId: named(text, 'external group') };
    // All that were made so far, so that groups overlap.
    const members = Object.values(server.users).map((value) => ({ value }));
    const grouped = await scim('POST', '/Groups', { schemas: [GROUP], ...group, members }, 201);
    server.groups[kind] = grouped.id;
  }
  const removal = { op: 'remove', path: 'members' };
  const patch = { schemas: [PATCH], Operations: [removal] };
  await scim('PATCH', `/Groups/${server.groups.emoji}`, patch);
  await scim('DELETE', `/Users/${server.users.rtl}`);
  // What is refused is kept as well: a body that is no JSON, a filter that is none.
  await server.api('POST', `/apps/${APP}/scim/v2/Users`, {
    token: secretToken,
    body: MARKUP,
    status: 400,
    headers: { 'content-type': 'application/scim+json' },
  });
  const filter = encodeURIComponent(`${MARKUP}${RTL}`);
  await scim('GET', `/Users?filter=${filter}`, undefined, 400);

  // The provider's own log claims the same of the same people.
  const claims = Object.entries(NAMES).map(([kind, text], number) => ({
    id: `claim-${kind}`,
    activityDateTime: `2026-01-0${number + 1}T08:00:00Z`,
    tenantId: MARKUP,
    jobId: MARKUP,
    cycleId: `cycle ${text}`,
    changeId: `change ${text}`,
    provisioningAction: 'create',
    durationInMilliseconds: 1,
    initiatedBy: { id: '', displayName: text, initiatorType: 'system' },
    servicePrincipal: { id: 'hostile-principal', displayName: MARKUP },
    sourceSystem: { id: 'source', displayName: text, details: {} },
    targetSystem: { id: 'target', displayName: text, details: {} },
    sourceIdentity: { id: `source ${text}`, displayName: text, identityType: 'User', details: { [text]: text } },
    targetIdentity: { id: server.users[kind], displayName: named(text, 'user'), identityType: 'User', details: {} },
    provisioningStatusInfo: {
      status: 'failure',
      errorInformation: {
        errorCode: MARKUP,
        errorCategory: 'failure',
        reason: text,
        additionalDetails: MARKUP,
        recommendedAction: text,
      },
    },
    provisioningSteps: [
      { name: MARKUP, provisioningStepType: 'export', status: 'failure', description: text, details: { [text]: MARKUP } },
    ],
    modifiedProperties: [{ displayName: text, oldValue: MARKUP, newValue: text }],
  }));
  const imported = await server.api('POST', `/api/v1/apps/${APP}/imports`, {
    body: claims.map((claim) => JSON.stringify(claim)).join('\n'),
    headers: { 'content-type': 'application/x-ndjson' },
  });
  if (imported.new !== claims.length) throw new Error(JSON.stringify(imported));

  const csv = (text) => `"${text.replaceAll('"', '""')}"`;
  const rows = Object.values(NAMES).map((text) => csv(named(text, 'user')));
  const list = ['userName,externalId', ...rows.map((row) => `${row},${csv(MARKUP)}`)].join('\n');
  await server.api('POST', '/api/v1/reference-lists?name=people', { body: list });
  const [changed] = (await server.get(`/operations?app=${APP}&action=update&limit=1`)).rows;
  
  for (const url of ['https://tickets.example/<b>', SCRIPT_URL]) {
    const evidence = { kind: MARKUP, ref: `${RTL}${EMOJI}`, approvedBy: MARKUP, url };
    const address = `/api/v1/operations/${changed.seq}/evidence`;
    await server.api('POST', address, { body: evidence }).catch((refused) => {
      // An address that runs a script may be refused, and must not be a link where it is not.
      if (url !== SCRIPT_URL) throw refused;
    });
  }
  await server.api('POST', '/api/v1/tokens', { body: { role: 'auditor', name: MARKUP.slice(0, 100) } });
  await server.api('POST', `/api/v1/apps/${APP}/groups/${server.groups.markup}/privileged`);
  const question = `/api/v1/apps/${APP}/users/${encodeURIComponent(`userName:user ${MARKUP}`)}`;
  await server.api('POST', '/api/v1/saved-questions', { body: { name: 'saved', question } });
  const members = `/api/v1/apps/${APP}/groups/${server.groups.markup}/members`;
  const { seq: review } = await server.api('POST', '/api/v1/reviews', {
    body: { question: members, outcome: 'approved', remark: `${MARKUP}${RTL}${EMOJI}` },
  });
  const user = server.users.markup;
  server.samples = {
    app: APP,
    group: server.groups.markup,
    user,
    operation: changed.seq,
    job: APP,
    name: 'saved',
    list: 'people',
    groups: await both(server, APP, user),
    review,
  };
  return server;
}
