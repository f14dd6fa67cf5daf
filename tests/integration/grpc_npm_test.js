// SPDX-License-Identifier: Apache-2.0
// The shipped cluster against clients that know nothing of it: `node grpc_npm_test.js BIN_DIR BUILD_DIR
// SOURCE_DIR`. @grpc/grpc-js and `buf curl` learn by reflection what there is and call every public
// method. What is not here (npm, its registry, openssl) skips the test with one line and exit code 77.
'use strict';
const assert = require('assert');
const { execFile, execFileSync, spawn } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

const [binDir, buildDir, sourceDir] = process.argv.slice(2);
const PATIENCE_MS = 120000;
const PACKAGES = ['@grpc/grpc-js@1', '@grpc/proto-loader@0.8', '@bufbuild/buf@1'];

function skip(why) {
  console.log(`skipped: ${why}`);
  process.exit(77);
}

function packagesFolder() {
  const folder = path.join(buildDir, 'npm', 'grpc');
  const there = path.join(folder, 'node_modules');
  if (!fs.existsSync(path.join(there, '.bin', 'buf')) || !fs.existsSync(path.join(there, '@grpc', 'proto-loader'))) {
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, 'package.json'), '{"private":true}');
    try {
      execFileSync('npm', ['install', '--no-audit', '--no-fund', ...PACKAGES],
        { cwd: folder, stdio: 'pipe', timeout: 200000 });
    } catch (e) {
      skip(`npm could not install ${PACKAGES.join(', ')}`);
    }
  }
  return there;
}

const packages = packagesFolder();
const grpc = require(path.join(packages, '@grpc', 'grpc-js'));
const loader = require(path.join(packages, '@grpc', 'proto-loader'));
const OPTIONS = { keepCase: true, longs: String, enums: String, bytes: Buffer, oneofs: true, arrays: true };

async function until(what, condition) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

// ---- A cluster ----------------------------------------------------------------------------------

const PLAYBOOK = `playbook: test
version: 1
measures:
  projects: {count: Project Created}
signals:
  ready: {projects: {at_least: 1}}
qualify: {pql: ready}
route: [{when: always, motion: sales}]
`;

async function clusterStart(folder, more) {
  const playbook = path.join(folder, 'playbook.yaml');
  fs.writeFileSync(playbook, PLAYBOOK);
  const data = path.join(folder, 'data');
  const child = spawn(path.join(binDir, 'assay'), ['up', '--data', data, '--playbook', playbook,
    '--http', 'off', '--grpc', '127.0.0.1:0', '--json', ...more], { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (bytes) => { out += bytes; });
  const cluster = { child, data, ended: false };
  child.on('exit', () => { cluster.ended = true; });
  await until('the cluster', () => {
    assert(!cluster.ended, `assay up ended: ${out}`);
    try {
      cluster.address = JSON.parse(out).grpc;
      return true;
    } catch (e) {
      return false;
    }
  });
  return cluster;
}

async function clusterStop(cluster) {
  cluster.child.kill('SIGTERM');
  await until('the end of the cluster', () => cluster.ended);
}

// The process of one of its services: the one that has its configuration on its command line.
function pidOf(cluster, name) {
  const config = path.join(fs.realpathSync(cluster.data), 'run', `${name}.yaml`);
  for (const pid of fs.readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    let line = '';
    try {
      line = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    } catch (e) {
      continue; // it has ended
    }
    const words = line.split('\0');
    if (words[0] === `assay-${name.replace(/-.*/, '')}` && words.includes(config)) return Number(pid);
  }
  return 0;
}

// ---- Reflection ---------------------------------------------------------------------------------

function reflectionClient(version, address, credentials) {
  const file = path.join(sourceDir, 'proto', 'grpc', 'reflection', version, 'reflection.proto');
  const loaded = grpc.loadPackageDefinition(loader.loadSync(file, OPTIONS));
  return new loaded.grpc.reflection[version].ServerReflection(address, credentials);
}

// Answers all requests over one stream.
function reflect(version, address, credentials, requests) {
  return new Promise((resolve, reject) => {
    const client = reflectionClient(version, address, credentials);
    const stream = client.ServerReflectionInfo({ deadline: Date.now() + PATIENCE_MS });
    const answers = [];
    stream.on('data', (answer) => answers.push(answer));
    stream.on('error', reject);
    stream.on('end', () => { client.close(); resolve(answers); });
    requests.forEach((request) => stream.write(request));
    stream.end();
  });
}

function lengthOf(bytes) {
  const out = [];
  let n = bytes.length;
  for (; n > 127; n >>>= 7) out.push((n & 127) | 128);
  out.push(n);
  return Buffer.from(out);
}

async function discover(version, address, credentials) {
  const [list] = await reflect(version, address, credentials, [{ list_services: '*' }]);
  const names = list.list_services_response.service.map((service) => service.name);
  const answers = await reflect(version, address, credentials,
    names.map((name) => ({ file_containing_symbol: name })));
  const files = new Map();
  for (const answer of answers)
    for (const bytes of answer.file_descriptor_response.file_descriptor_proto)
      files.set(bytes.toString('base64'), bytes);
  const set = Buffer.concat([...files.values()].map(
    (bytes) => Buffer.concat([Buffer.from([0x0a]), lengthOf(bytes), bytes])));
  return { names, definition: loader.loadFileDescriptorSetFromBuffer(set, OPTIONS) };
}

// ---- Calls --------------------------------------------------------------------------------------

function unary(client, method, request, options = {}, metadata = new grpc.Metadata()) {
  return new Promise((resolve) => {
    client[method](request, metadata, { deadline: Date.now() + PATIENCE_MS, ...options },
      (error, answer) => resolve({ code: error ? error.code : 0, text: error ? error.details : '', answer }));
  });
}

let counter = 0;
function eventOf(account, name = 'Project Created') {
  counter += 1;
  return { kind: 'EVENT_KIND_TRACK', message_id: `m-${counter}`, user_id: `u-${account}`, group_id: account, name };
}

function buf(address, method, data) {
  return new Promise((resolve) => {
    execFile(path.join(packages, '.bin', 'buf'), ['curl', '--http2-prior-knowledge', '--protocol', 'grpc',
      '-d', data, `http://${address}/${method}`], { timeout: PATIENCE_MS }, (error, stdout, stderr) => {
      let code = 'ok';
      if (error) {
        try {
          code = JSON.parse(stderr).code;
        } catch (e) {
          code = stderr;
        }
      }
      resolve({ code, stdout });
    });
  });
}

// ---- The tests ----------------------------------------------------------------------------------

const CODES = ['ok', 'canceled', 'unknown', 'invalid_argument', 'deadline_exceeded', 'not_found', 'already_exists',
  'permission_denied', 'resource_exhausted', 'failed_precondition', 'aborted', 'out_of_range', 'unimplemented',
  'internal', 'unavailable', 'data_loss', 'unauthenticated'];
// What an empty request may get where it is not good enough: an answer of the method, not of the way to it.
const SOUND = new Set([0, 3, 5, 9]);
// Methods that this process says are not for it.
const ELSEWHERE = new Set(['assay.admin.v1.AdminService/AdvanceClock', 'assay.admin.v1.AdminService/LoadDocument']);

// Spoken between services only: described by the contracts, not served here.
const HIDDEN = new Set(['assay.router.v1.RouterService/ApplySignals', 'assay.ingest.v1.IngestService/Carry']);

async function everyMethod(cluster, clients, definition) {
  let calls = 0;
  for (const [service, methods] of Object.entries(definition)) {
    if (!clients[service] || service.startsWith('grpc.')) continue;
    for (const [name, method] of Object.entries(methods)) {
      const full = `${service}/${name}`;
      if (HIDDEN.has(full)) {
        assert.strictEqual((await unary(clients[service], name, {})).code, 12, full);
        continue;
      }
      if (method.responseStream) {
        const stream = clients[service][name]({}, { deadline: Date.now() + 300 });
        const code = await new Promise((resolve) => {
          stream.on('data', () => {});
          stream.on('error', (error) => resolve(error.code));
          stream.on('end', () => resolve(0));
        });
        assert(code === 4 || SOUND.has(code), `${full}: ${code}`);
        console.log(`${full} (stream): ${CODES[code]}`);
      } else {
        const got = await unary(clients[service], name, {});
        assert(SOUND.has(got.code) || (ELSEWHERE.has(full) && got.code === 12), `${full}: ${got.code} ${got.text}`);
        const again = await buf(cluster.address, full, '{}');
        // The first call may have changed what there is.
        if (again.code !== CODES[got.code])
          assert.strictEqual(again.code, CODES[(await unary(clients[service], name, {})).code], `${full} by buf`);
        console.log(`${full}: ${CODES[got.code]} ${got.text}`);
      }
      calls += 1;
    }
  }
  assert(calls >= 25, `${calls} methods`);
}

async function deadlinesAndCancel(router) {
  const long = { queue: 'sales', consumer: 'c', wait_ms: 20000 };
  const began = Date.now();
  const got = await unary(router, 'Lease', long, { deadline: Date.now() + 200 });
  // The router ends a wait before its caller's deadline; either is in time.
  assert(got.code === 4 || (got.code === 0 && got.answer.leads.length === 0), `${got.code} ${got.text}`);
  assert(Date.now() - began < long.wait_ms);
  const code = await new Promise((resolve) => {
    const call = router.Lease(long, (error) => resolve(error.code));
    setTimeout(() => call.cancel(), 100);
  });
  assert.strictEqual(code, 1);
}

async function sizes(cluster, definition) {
  const Ingest = grpc.makeGenericClientConstructor(definition['assay.ingest.v1.IngestService']);
  const gzip = new Ingest(cluster.address, grpc.credentials.createInsecure(),
    { 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip });
  const many = Array.from({ length: 500 }, () => eventOf('quiet', 'Looked Around'));
  let got = await unary(gzip, 'Ingest', { events: many });
  assert.strictEqual(got.code, 0, got.text);
  assert.strictEqual(got.answer.accepted, 500);
  got = await unary(gzip, 'Ingest', { events: many });
  assert.strictEqual(got.answer.duplicate, 500);
  const large = Array.from({ length: 2000 }, () => ({ ...eventOf('large', 'Looked Around'),
    properties: [{ key: 'text', text: 'x'.repeat(1500) }] }));
  const plain = new Ingest(cluster.address, grpc.credentials.createInsecure());
  got = await unary(plain, 'Ingest', { events: large });
  assert.strictEqual(got.code, 0, got.text);
  assert.strictEqual(got.answer.accepted, 2000, JSON.stringify(got.answer).slice(0, 300));
  const document = { text: Buffer.alloc(5 * 1024 * 1024, 'x') };
  const Admin = grpc.makeGenericClientConstructor(definition['assay.admin.v1.AdminService']);
  const admin = new Admin(cluster.address, grpc.credentials.createInsecure());
  assert.strictEqual((await unary(admin, 'LoadDocument', document)).code, 8);
  [gzip, plain, admin].forEach((client) => client.close());
}

// The stream goes on when the router was killed, and gives each lead once.
async function leases(cluster, clients) {
  const ingest = clients['assay.ingest.v1.IngestService'];
  const router = clients['assay.router.v1.RouterService'];
  const stream = router.StreamLeases({ queue: 'sales', consumer: 'tool', max: 10 });
  const leads = [];
  let broken = null;
  stream.on('data', (answer) => leads.push(answer.lead));
  stream.on('error', (error) => { broken = error; });
  for (let round = 0; round < 3; round += 1) {
    const account = `acme-${round}`;
    const got = await unary(ingest, 'Ingest', { events: [eventOf(account)] });
    assert.strictEqual(got.code, 0, got.text);
    await until(`the lead of ${account}`, () => {
      assert(!broken, String(broken));
      return leads.some((lead) => lead.account_id === account);
    });
    const lead = leads.find((one) => one.account_id === account);
    await until('the ack', async () => (await unary(router, 'Ack',
      { lead_id: lead.lead_id, lease_token: lead.lease_token })).code === 0);
    if (round === 2) break;
    const pid = pidOf(cluster, 'router');
    process.kill(pid, 'SIGKILL');
    await until('another router', () => ![0, pid].includes(pidOf(cluster, 'router')));
    console.log(`router ${pid} was killed, the stream is still there`);
  }
  assert.deepStrictEqual(leads.map((lead) => lead.account_id), ['acme-0', 'acme-1', 'acme-2']);
  stream.cancel();
}

// Watchers hear of the end before anything closes.
async function healthSeesDrain(cluster, clients) {
  const health = clients['grpc.health.v1.Health'];
  const watch = health.Watch({ service: 'assay.ingest.v1.IngestService' });
  const told = [];
  watch.on('data', (answer) => told.push(answer.status));
  watch.on('error', (error) => told.push(`error ${error.code}`));
  await until('SERVING', () => told.length === 1);
  assert.strictEqual((await unary(health, 'Check', { service: '' })).answer.status, 'SERVING');
  assert.strictEqual((await unary(health, 'Check', { service: 'no.Such' })).code, 5);
  process.kill(pidOf(cluster, 'ingest-0'), 'SIGTERM');
  await until('the end of the watch', () => told.length === 3);
  assert.deepStrictEqual(told, ['SERVING', 'NOT_SERVING', 'error 14']);
}

function curl(cluster) {
  let text;
  try {
    fs.writeFileSync(path.join(cluster.data, 'empty'), Buffer.alloc(5));
    text = execFileSync('curl', ['-s', '-v', '--http2-prior-knowledge', '-H', 'content-type: application/grpc',
      '-H', 'te: trailers', '--data-binary', `@${path.join(cluster.data, 'empty')}`, '-o', '/dev/null',
      `http://${cluster.address}/assay.admin.v1.AdminService/GetStatus`, '--stderr', '-'], { encoding: 'utf8' });
  } catch (e) {
    console.log(`without curl: ${e.message}`);
    return;
  }
  assert(text.includes('< grpc-status: 0'), text);
}

function certificate(folder, name) {
  try {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2',
      '-keyout', path.join(folder, 'key.pem'), '-out', path.join(folder, 'cert.pem'),
      '-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'], { stdio: 'pipe' });
  } catch (e) {
    return null;
  }
  return fs.readFileSync(path.join(folder, 'cert.pem'));
}

// A certificate that is replaced is in force without a restart.
async function overTls(folder, definition) {
  const first = certificate(folder, 'first');
  if (first === null) {
    console.log('without TLS: openssl could not make a certificate');
    return;
  }
  const cluster = await clusterStart(folder, ['--grpc-cert', path.join(folder, 'cert.pem'),
    '--grpc-key', path.join(folder, 'key.pem')]);
  const Admin = grpc.makeGenericClientConstructor(definition['assay.admin.v1.AdminService']);
  const status = async (root) => {
    const credentials = root === null ? grpc.credentials.createInsecure() : grpc.credentials.createSsl(root);
    const admin = new Admin(cluster.address, credentials, { 'grpc.use_local_subchannel_pool': 1 });
    const got = await unary(admin, 'GetStatus', {}, { deadline: Date.now() + 5000 });
    admin.close();
    return got.code;
  };
  assert.strictEqual(await status(first), 0);
  assert.notStrictEqual(await status(null), 0);
  const second = certificate(folder, 'second');
  process.kill(pidOf(cluster, 'ingest-0'), 'SIGHUP');
  await until('the second certificate', async () => (await status(second)) === 0);
  assert.notStrictEqual(await status(first), 0);
  const names = await discover('v1', cluster.address, grpc.credentials.createSsl(second));
  assert(names.names.includes('assay.ingest.v1.IngestService'));
  await clusterStop(cluster);
}

async function main() {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'grpc-npm-'));
  const clusters = [];
  try {
    const cluster = await clusterStart(folder, []);
    clusters.push(cluster);
    const insecure = grpc.credentials.createInsecure();
    const { names, definition } = await discover('v1', cluster.address, insecure);
    console.log(names.join(' '));
    assert.deepStrictEqual((await discover('v1alpha', cluster.address, insecure)).names, names);
    const clients = {};
    for (const name of names)
      if (definition[name])
        clients[name] = new (grpc.makeGenericClientConstructor(definition[name]))(cluster.address, insecure);
    for (const name of ['assay.ingest.v1.IngestService', 'assay.router.v1.RouterService',
      'assay.admin.v1.AdminService', 'grpc.health.v1.Health'])
      assert(clients[name], `${name} is not served`);
    await everyMethod(cluster, clients, definition);
    await deadlinesAndCancel(clients['assay.router.v1.RouterService']);
    await sizes(cluster, definition);
    await leases(cluster, clients);
    curl(cluster);
    await healthSeesDrain(cluster, clients);
    Object.values(clients).forEach((client) => client.close());
    await clusterStop(cluster);
    const other = path.join(folder, 'tls');
    fs.mkdirSync(other);
    await overTls(other, definition);
    fs.rmSync(folder, { recursive: true, force: true });
    console.log('ok');
  } catch (e) {
    console.error(e);
    clusters.forEach((cluster) => cluster.child.kill('SIGTERM'));
    process.exitCode = 1;
  }
}

main();
