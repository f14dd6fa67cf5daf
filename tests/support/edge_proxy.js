// SPDX-License-Identifier: Apache-2.0
// A bad network in front of the edge, for tests in JavaScript: a proxy that answers 429 and 503, cuts
// connections before a request has reached the edge and after the edge has answered, and delays.
'use strict';
const http = require('http');

// The same faults every time for the same order of requests.
function random(seed) {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return state / 4294967296;
  };
}

function forward(cluster, req, body, done) {
  const [host, port] = cluster.http.split(':');
  const out = http.request({ host, port, method: req.method, path: req.url, headers: req.headers,
    agent: false }, (res) => {
    const chunks = [];
    res.on('data', (c) => chunks.push(c));
    res.on('end', () => done(res, Buffer.concat(chunks)));
    res.on('error', () => done(null));
  });
  out.on('error', () => done(null));
  out.end(body);
}

// A fault for a request: '' for none.
function fate(dice) {
  if (dice < 0.04) return '429';
  if (dice < 0.08) return '503';
  if (dice < 0.11) return 'cut before';
  if (dice < 0.14) return 'cut after';
  return '';
}

// `options`:
// - `faults(req)`: how many times as many faults as usual this request may have; 1 by default, 0
//   for none.
// - `headers(req)`: more headers of the proxy's own answers.
// - `local(req, res)`: true when it answers by itself; such requests are not counted.
// - `answered(req, body, status)`: the edge has answered, whether or not the client gets to know.
function startProxy(cluster, options = {}) {
  const { faults = () => 1, headers = () => ({}), local = () => false,
    answered = () => {} } = options;
  const next = random(7);
  const tally = { requests: 0, '429': 0, '503': 0, 'cut before': 0, 'cut after': 0,
    'edge away': 0, 'edge 503': 0 };

  const serve = (req, res, body) => {
    const times = faults(req);
    const dice = next();
    const fault = times > 0 ? fate(dice / times) : '';
    tally.requests++;
    if (fault !== '') tally[fault]++;
    if (fault === '429' || fault === '503') {
      res.writeHead(Number(fault), { 'retry-after': '1', 'content-type': 'application/json',
        ...headers(req) });
      res.end('{"error":"a fault"}');
      return;
    }
    if (fault === 'cut before') {
      req.socket.destroy();
      return;
    }
    const pass = () => forward(cluster, req, body, (answer, text) => {
      if (answer === null) tally['edge away']++;
      else if (answer.statusCode === 503) tally['edge 503']++;
      if (answer !== null) answered(req, body, answer.statusCode);
      if (answer === null || fault === 'cut after') {
        req.socket.destroy();
        return;
      }
      res.writeHead(answer.statusCode, answer.headers);
      res.end(text);
    });
    if (dice > 0.97) setTimeout(pass, 100);
    else pass();
  };

  const server = http.createServer((req, res) => {
    const chunks = [];
    req.on('error', () => {});
    if (local(req, res)) return;
    req.on('data', (c) => chunks.push(c));
    req.on('end', () => serve(req, res, Buffer.concat(chunks)));
  });
  server.on('clientError', (e, socket) => socket.destroy());
  server.tally = tally;
  return new Promise((r) => server.listen(0, '127.0.0.1', () => r(server)));
}

module.exports = { startProxy };
