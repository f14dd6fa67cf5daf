// SPDX-License-Identifier: Apache-2.0
// The signatures of the shipped router against the npm package `standardwebhooks`, over https with
// a certificate of our own: `node webhook_npm_test.js ROUTER BUILD_DIR`. What is not here
// (npm, its registry, openssl) skips the test with one line and exit code 77.
'use strict';
const assert = require('assert');
const { execFileSync, spawn } = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const https = require('https');
const os = require('os');
const path = require('path');

const [router, buildDir] = process.argv.slice(2);
const PATIENCE_MS = 100000;

function skip(why) {
  console.log(`skipped: ${why}`);
  process.exit(77);
}

function packageFolder() {
  const folder = path.join(buildDir, 'npm', 'standardwebhooks');
  const there = path.join(folder, 'node_modules', 'standardwebhooks');
  if (!fs.existsSync(there)) {
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, 'package.json'), '{"private":true}');
    try {
      execFileSync('npm', ['install', '--no-audit', '--no-fund', 'standardwebhooks@1'],
        { cwd: folder, stdio: 'pipe', timeout: 120000 });
    } catch (e) {
      skip('npm could not install standardwebhooks');
    }
  }
  return there;
}

function certificate(folder) {
  try {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2',
      '-keyout', path.join(folder, 'key.pem'), '-out', path.join(folder, 'cert.pem'),
      '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'], { stdio: 'pipe' });
  } catch (e) {
    skip('openssl could not make a certificate');
  }
}

const PLAYBOOK = `playbook: test
version: 1
measures:
  projects: {count: Project Created}
signals:
  ready: {projects: {at_least: 1}}
qualify: {pql: ready}
route: [{when: always, motion: sales}]
`;

function secret() {
  return 'whsec_' + crypto.randomBytes(32).toString('base64');
}

// Collects requests; answers what `status` says.
function receiver(folder, onRequest) {
  return new Promise((resolve) => {
    const server = https.createServer({
      key: fs.readFileSync(path.join(folder, 'key.pem')),
      cert: fs.readFileSync(path.join(folder, 'cert.pem')),
    }, (req, res) => {
      const chunks = [];
      req.on('data', (c) => chunks.push(c));
      req.on('end', () => {
        res.statusCode = onRequest(Buffer.concat(chunks).toString('utf8'), req.headers);
        res.end();
      });
    });
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

async function until(what, condition) {
  const end = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`it never came: ${what}`);
    await new Promise((r) => setTimeout(r, 20));
  }
}

// The whole cluster by `assay up`, as a person starts it.
async function main() {
  const { Webhook } = require(packageFolder());
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'assay-test-'));
  const at = (name) => path.join(folder, name);
  certificate(folder);
  const [old, next, foreign] = [secret(), secret(), secret()];
  fs.writeFileSync(at('old.secret'), old + '\n', { mode: 0o600 });
  fs.writeFileSync(at('next.secret'), next + '\n', { mode: 0o600 });
  fs.writeFileSync(at('playbook.yaml'), PLAYBOOK);

  const got = [];
  let untrusted = 0;
  const server = await receiver(folder, (body, headers) => {
    got.push({ body, headers });
    return 200;
  });
  const stranger = await receiver(folder, () => { untrusted++; return 200; });
  fs.writeFileSync(at('webhooks.yaml'), `webhooks:
  crm:
    url: https://localhost:${server.address().port}/hook
    allow_private: true
    ca_file: cert.pem
    secret_files: [next.secret, old.secret]
  stranger: # whose certificate nobody vouches for
    url: https://localhost:${stranger.address().port}/hook
    allow_private: true
    secret_files: [old.secret]
`);
  const assay = path.join(path.dirname(router), 'assay');
  const up = spawn(assay, ['up', '--data', at('data'), '--playbook', at('playbook.yaml'),
    '--webhooks', at('webhooks.yaml')], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  up.stdout.on('data', (d) => { said += d; });
  const ended = new Promise((r) => up.on('exit', r));
  process.on('exit', () => up.kill('SIGKILL'));
  await until('ready', () => said.includes('\nready\n'));

  // Names that are not ASCII: the signature is over bytes.
  const lines = ['zo\u00eb', 'b', 'c'].map((account, i) => JSON.stringify({
    type: 'track', messageId: `m${i}`, userId: `u-${account}`, event: 'Project Created',
    timestamp: new Date().toISOString(), context: { groupId: account },
  }));
  fs.writeFileSync(at('events.ndjson'), lines.join('\n') + '\n');
  execFileSync(assay, ['import', '--data', at('data'), at('events.ndjson')], { stdio: 'pipe' });
  await until('three deliveries', () => got.length >= 3);

  for (const { body, headers } of got) {
    const event = new Webhook(old).verify(body, headers);
    assert.deepStrictEqual(new Webhook(next).verify(body, headers), event);
    assert.throws(() => new Webhook(foreign).verify(body, headers));
    assert.throws(() => new Webhook(old).verify(body + ' ', headers));
    assert.throws(() => new Webhook(old).verify(body,
      { ...headers, 'webhook-id': headers['webhook-id'] + '0' }));
    assert.throws(() => new Webhook(old).verify(body,
      { ...headers, 'webhook-timestamp': String(Number(headers['webhook-timestamp']) + 1) }));
    assert.strictEqual(event.type, 'lead.created');
    assert.strictEqual(event.data.id, headers['webhook-id']);
    assert.strictEqual(event.data.idempotency_key, headers['webhook-id']);
    assert.strictEqual(headers['content-type'], 'application/json');
    assert.ok(!Number.isNaN(Date.parse(event.timestamp)));
    assert.ok(event.data.evidence.length > 0 && event.data.evidence[0].condition);
    assert.strictEqual(event.data.contacts[0].user, `u-${event.data.account}`);
  }
  assert.deepStrictEqual(got.map((g) => JSON.parse(g.body).data.account).sort(),
    ['b', 'c', 'zo\u00eb']);
  assert.strictEqual(new Set(got.map((g) => g.headers['webhook-id'])).size, 3);

  const list = () => execFileSync(assay, ['webhooks', 'list', '--data', at('data'), '--json'])
    .toString();
  await until('the refusal of a certificate', () => /certificate/i.test(list()));
  assert.strictEqual(untrusted, 0);

  up.kill('SIGTERM');
  assert.strictEqual(await ended, 0);
  server.close();
  stranger.close();
  fs.rmSync(folder, { recursive: true });
  console.log(`${got.length} deliveries verified`);
  process.exit(0);
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
