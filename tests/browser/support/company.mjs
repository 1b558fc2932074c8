// What the demo's company has besides its history: what auditors and admins add by hand, and
// provisioning that is running.

// Names that every history of the default seed has.
export const APP = 'hootsuite';
export const GROUP = 'Approvers';
export const groupPath = `/apps/${APP}/groups/displayName:${GROUP}`;
// In that group on some days, then switched off and deleted.
export const DELETED = 'mireille.okonkwo@fjordlight.example';
// Left in the hour in which the recorder was killed.
export const LEAVER = 'hakon.vaisanen@fjordlight.example';
// Refused, made, renamed, switched off, deleted and made again, in this application.
export const STORY_APP = 'howspace';
export const STORY = 'zoe.lukasiewicz@fjordlight.example';
export const SAVED = 'approvers-today';
export const LIST = 'employees';

const USER = 'urn:ietf:params:scim:schemas:core:2.0:User';

// A request of the identity provider.
export async function provision(server, app, method, address, body, status) {
  return server.api(method, `/apps/${app}/scim/v2${address}`, {
    token: await server.tokenOf('scim', app),
    headers: { 'content-type': 'application/scim+json', 'user-agent': 'Fjordlight-Provisioning/4.2' },
    body: body && JSON.stringify(body),
    status,
  });
}

export async function dress(server) {
  for (const { application } of (await server.get('/apps')).rows) {
    await provision(server, application, 'GET', '/Users?filter=userName eq "a probe"', undefined, 200);
  }
  // Somebody else has the name: the last write of this person failed.
  const taken = { schemas: [USER], userName: STORY, externalId: 'namesake', active: true };
  await provision(server, STORY_APP, 'POST', '/Users', taken, 409);

  await server.api('POST', `/api/v1${groupPath}/privileged`);
  await server.api('POST', '/api/v1/saved-questions', {
    body: { name: SAVED, question: `/api/v1${groupPath}/members?at=2026-06-15` },
  });
  const list = `userName\n${DELETED}\n${STORY}\n`;
  await server.api('POST', `/api/v1/reference-lists?name=${LIST}`, { body: list });
  const created = await server.get(`/operations?app=${APP}&action=create&status=success&limit=500`);
  let made;
  for (const row of created.rows.filter((one) => one.operation === 'POST User')) {
    made = row;
    if ((await both(server, APP, `userName:${row.userName}`)).includes(',')) break;
  }
  await server.api('POST', `/api/v1/operations/${made.seq}/evidence`, {
    body: { kind: 'ticket', ref: 'CHG-1042', url: 'https://tickets.example/CHG-1042' },
  });
  const question = `/api/v1${groupPath}/members?at=2026-06-15`;
  const remark = 'As agreed with the owner of the group';
  await server.api('POST', '/api/v1/reviews', { body: { question, outcome: 'approved', remark } });
  server.samples = {
    ...(await samplesOf(server, APP, `userName:${made.userName}`, `displayName:${GROUP}`)),
    operation: made.seq,
  };
}

// What stands in the addresses of the questions about an application, by parameter.
export async function samplesOf(server, app, user, group) {
  const [last] = (await server.get(`/operations?app=${app}&limit=1`)).rows;
  const [{ seq: review }] = (await server.get('/reviews')).rows;
  const groups = await both(server, app, user);
  return { app, user, group, operation: last.seq, job: app, name: SAVED, list: LIST, groups, review };
}

// Two groups that a user was in at the same time.
export async function both(server, app, user) {
  const { rows } = await server.get(`/apps/${app}/users/${encodeURIComponent(user)}/intervals`);
  const ids = [...new Set(rows.map((row) => row.groupId))];
  return ids.slice(0, 2).join(',');
}
