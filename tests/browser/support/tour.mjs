// The stops of docs/tour.md: what is shown on its pictures.
import { APP, STORY, STORY_APP, groupPath } from './company.mjs';

export async function stops(server) {
  const user = `/apps/${STORY_APP}/users/userName:${STORY}`;
  const [refused] = (await server.get(`/operations?app=${STORY_APP}&status=failure&action=create`)).rows;
  return [
    { name: 'start', address: '/' },
    { name: 'log', address: '/operations?from=-30d' },
    { name: 'operation', address: `/operations/${refused.seq}` },
    { name: 'user', address: user },
    { name: 'why', address: `${user}/why`, theme: 'dark' },
    { name: 'members', address: `${groupPath}/members?at=2026-06-10` },
    { name: 'stays', address: `${groupPath}/intervals` },
    { name: 'application', address: `/apps/${APP}` },
    { name: 'matrix', address: `/apps/${APP}/matrix?at=2026-06-15&compare=2026-05-01` },
  ];
}
