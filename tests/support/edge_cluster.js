// SPDX-License-Identifier: Apache-2.0
// A cluster of `assay up` with an HTTP port of its own, for tests in JavaScript.
'use strict';
const assert = require('assert');
const { execFile, spawn } = require('child_process');
const fs = require('fs');
const http = require('http');
const os = require('os');
const path = require('path');

const PATIENCE_MS = 120000;
const sleep = (ms) => new Promise((r) => setTimeout(r, ms));

async function until(what, condition) {
  const end = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`it never came: ${what}`);
    await sleep(20);
  }
}

class Cluster {
  // A folder with a playbook, in which nothing runs yet.
  static make(binDir, playbook) {
    const cluster = new Cluster();
    cluster.assay = path.join(binDir, 'assay');
    cluster.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'assay-test-'));
    cluster.data = path.join(cluster.folder, 'data');
    cluster.ended = true;
    fs.mkdirSync(cluster.data);
    fs.writeFileSync(path.join(cluster.folder, 'playbook.yaml'), playbook);
    return cluster;
  }

  // `options`: more words for `assay up`.
  static async start(binDir, playbook, options = []) {
    const cluster = Cluster.make(binDir, playbook);
    await cluster.up(options);
    return cluster;
  }

  async up(options = []) {
    const up = spawn(this.assay, ['up', '--data', this.data, '--json', '--playbook',
      path.join(this.folder, 'playbook.yaml'), '--http', '127.0.0.1:0', ...options],
    { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    this.process = up;
    this.ended = false;
    up.stdout.on('data', (d) => { said += d; });
    up.on('exit', () => { this.ended = true; });
    process.once('exit', () => up.kill('SIGTERM'));
    await until('ready', () => {
      assert.ok(!this.ended, `assay up ended: ${said}`);
      return said.endsWith('}\n');
    });
    this.http = JSON.parse(said).http;
    // Without keys of its own, a cluster takes the one that it names at the start.
    this.key = fs.existsSync(path.join(this.data, 'keys.yaml')) ? {} : { 'x-write-key': 'dev' };
  }

  run(...args) {
    return new Promise((resolve, reject) => {
      execFile(this.assay, [...args, '--data', this.data], { timeout: 60000 },
        (error, stdout, stderr) => (error ? reject(new Error(`${args.join(' ')}: ${stderr}`))
          : resolve(stdout)));
    });
  }

  // What is known of a service; undefined: nothing at the moment.
  async status(name) {
    try {
      return JSON.parse(await this.run('status', '--json')).services
        .find((s) => s.service === name);
    } catch (e) {
      return undefined;
    }
  }

  // When it is ready.
  async pid(name) {
    let found;
    await until(`${name} is ready`, async () => {
      found = await this.status(name);
      return found && found.ready;
    });
    return found.pid;
  }

  // The measures of an account, as texts by name.
  async measures(account) {
    const text = await this.run('explain', 'account', account, '--json');
    return Object.fromEntries(JSON.parse(text).measures.map((m) => [m.measure, m.value]));
  }

  // One request; resolves with {status, headers, text, json}, rejects when the connection breaks.
  post(where, body, headers = {}, more = {}) {
    const [host, port] = this.http.split(':');
    return new Promise((resolve, reject) => {
      const req = http.request({ host, port, path: where, method: 'POST', agent: false,
        headers: { ...this.key, ...headers }, ...more }, (res) => {
        const chunks = [];
        res.on('data', (c) => chunks.push(c));
        res.on('error', reject);
        res.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          let json;
          try { json = JSON.parse(text); } catch (e) { /* it is not */ }
          resolve({ status: res.statusCode, headers: res.headers, text, json });
        });
      });
      req.on('error', reject);
      req.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
    });
  }

  async stop() {
    this.process.kill('SIGTERM');
    await until('the end', () => this.ended);
    assert.strictEqual(this.process.exitCode, 0);
    fs.rmSync(this.folder, { recursive: true });
  }
}

module.exports = { Cluster, sleep, until };
