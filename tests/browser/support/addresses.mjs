// Every page there is: the questions of /openapi.json, and the pages that are no question.

// Addresses without a page: their answer is a file, or stands on another page.
const NO_PAGE = [
  '/export',
  '/operations/{operation}/proof',
  '/apps/{app}/bundles/{kind}',
  '/apps/{app}/subjects/{number}/export',
  '/retention',
  '/verification',
];

// Questions whose page has a name of its own.
const ELSEWHERE = { '/overview': '/' };

// Pages that are no question of the API.
const BESIDE = [
  '/login',
  '/reports',
  '/integrity',
  '/admin',
  '/admin/applications',
  '/admin/applications/new',
  '/admin/tokens',
  '/admin/tokens/new',
  '/admin/lists',
  '/admin/lists/new',
  '/admin/saved',
  '/admin/saved/new',
];

// The pages of the questions: { question, address, api }, with an address of each that the samples of
// the server fill, and the same of the API.
export async function questions({ url, samples }) {
  const { paths } = await (await fetch(`${url}/openapi.json`)).json();
  const value = (name, template) => {
    if (samples[name] === undefined) throw new Error(`no sample of ${name} for ${template}`);
    return encodeURIComponent(samples[name]);
  };
  const pages = [];
  for (const [template, { get }] of Object.entries(paths)) {
    const question = template.replace('/api/v1', '');
    if (!get || question === template || NO_PAGE.includes(question)) continue;
    const fill = (text) => text.replaceAll(/\{(\w+)\}/g, (_, name) => value(name, template));
    const needed = (get.parameters ?? []).filter((one) => one.in === 'query' && one.required);
    const pairs = needed.map(({ name }) => `${name}=${value(name, template)}`);
    const search = pairs.length ? `?${pairs.join('&')}` : '';
    const address = fill(ELSEWHERE[question] ?? question) + search;
    pages.push({ question, address, api: fill(question) + search });
  }
  return pages;
}

// Every page, with a name for its pictures: { name, address }.
export async function pages(server) {
  const asked = (await questions(server)).map(({ question, address }) => ({
    name: question.slice(1).replaceAll(/\{\w+\}/g, 'one').replaceAll('/', '-'),
    address,
  }));
  const beside = BESIDE.map((address) => ({ name: address.slice(1).replaceAll('/', '-') || 'start', address }));
  return [...beside, ...asked];
}
