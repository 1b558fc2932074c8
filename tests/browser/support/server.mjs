// Servers of a test: the demo with a clock that stands still, and `provlog serve`.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

// Where the demo's history ends and its clock stands.
export const NOW = '2026-06-30T12:00:00Z';

// Days of the demo's history; the shortest has 14.
const DAYS = 30;

class Server {
  constructor(process, folder) {
    this.process = process;
    this.folder = folder;
    this.printed = [];
    this.waiting = [];
    this.ended = new Promise((resolve) => process.once('close', resolve));
    for (const stream of [process.stdout, process.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        this.printed.push(line);
        this.waiting = this.waiting.filter((one) => !one(line));
      });
    }
    this.sessions = new Map();
    this.tokens = new Map();
  }

  // The next line that matches; fails when the process ends first.
  async line(pattern) {
    const found = new Promise((resolve) => {
      this.waiting.push((line) => {
        const match = pattern.exec(line);
        if (match) resolve(match);
        return match !== null;
      });
    });
    const ended = this.ended.then(() => {
      throw new Error(`the server ended:\n${this.printed.slice(-20).join('\n')}`);
    });
    return Promise.race([found, ended]);
  }

  async ready(pattern) {
    this.url = (await this.line(pattern))[1];
    this.adminToken = (await readFile(path.join(this.folder, 'admin.token'), 'utf8')).trim();
    return this;
  }

  // Moves a clock that stands still, such as '+61m', and gives what it shows then.
  async clock(step) {
    const answer = this.line(/^(?:clock|refused:) (.*)/);
    this.process.stdin.write(`clock ${step}\n`);
    const [line, text] = await answer;
    if (!line.startsWith('clock ')) throw new Error(line);
    return text;
  }

  // A request with a token, the first admin's by default. Gives the parsed answer.
  async api(method, address, { body, token = this.adminToken, headers = {}, status } = {}) {
    const text = body === undefined || typeof body === 'string';
    const response = await fetch(this.url + address, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': text ? 'text/csv' : 'application/json' }),
        ...headers,
      },
      body: text ? body : JSON.stringify(body),
    });
    const answer = await response.text();
    if (status ? response.status !== status : !response.ok) {
      throw new Error(`${method} ${address}: ${response.status} ${answer.slice(0, 600)}`);
    }
    return answer && /json/.test(response.headers.get('content-type') ?? '')
      ? JSON.parse(answer)
      : answer;
  }

  get(address, options) {
    return this.api('GET', `/api/v1${address}`, options);
  }

  // A new token of a role: { id, token }.
  issue(role, application) {
    return this.api('POST', '/api/v1/tokens', { body: { role, application } });
  }

  // The token of a role that the cases of a server share.
  async tokenOf(role, application = role === 'app-auditor' ? this.auditedApp : undefined) {
    const key = `${role} ${application}`;
    if (!this.tokens.has(key)) this.tokens.set(key, this.issue(role, application));
    return (await this.tokens.get(key)).token;
  }

  async stop() {
    this.process.kill('SIGTERM');
    await this.ended;
    await rm(this.folder, { recursive: true, force: true });
  }
}

const folderOf = () => mkdtemp(path.join(tmpdir(), 'provlog-browser-'));

function start(program, folder, options) {
  const file = path.join(process.env.PROVLOG_BIN_DIR, program);
  const listen = ['--listen', '127.0.0.1:0', '--data', path.join(folder, 'data')];
  const child = spawn(file, [...options, ...listen], { stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => {}); // it ended: whoever waits for a line is told
  const server = new Server(child, path.join(folder, 'data'));
  child.once('error', (error) => server.printed.push(`${file}: ${error.message}`));
  return server;
}

// The invented company after its history; only `clock` moves the time.
export async function startDemo({ days = DAYS } = {}) {
  const options = ['--days', String(days), '--now', NOW];
  const server = start('demo', await folderOf(), options);
  server.auditedApp = 'howspace';
  return server.ready(/^Serving on (http\S+?)\. /);
}

// A server whose log is new, with the machine's clock.
export async function startFresh(options = []) {
  const server = start('provlog', await folderOf(), ['serve', ...options]);
  return server.ready(/^provlog listening on (http\S+)/);
}
