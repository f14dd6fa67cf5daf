// SPDX-License-Identifier: Apache-2.0
// Packages of npm for tests, installed once into a folder of the build tree.
'use strict';
const { execFileSync } = require('child_process');
const fs = require('fs');
const path = require('path');

// How a test ends that cannot run here: one line, and the code that ctest takes for "skipped".
function skip(why) {
  console.log(`skipped: ${why}`);
  process.exit(77);
}

// The folder "node_modules" with `packages` (["name@version", ...]) under BUILD_DIR/npm/NAME. Skips
// the test when npm or its registry is not here.
function install(buildDir, name, packages) {
  const folder = path.join(buildDir, 'npm', name);
  const installed = path.join(folder, 'installed');
  const wanted = packages.join('\n');
  if (!fs.existsSync(installed) || fs.readFileSync(installed, 'utf8') !== wanted) {
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, 'package.json'), '{"private":true}');
    try {
      execFileSync('npm', ['install', '--no-audit', '--no-fund', ...packages],
        { cwd: folder, stdio: 'pipe', timeout: 240000 });
    } catch (e) {
      skip(`npm could not install ${packages.join(', ')}`);
    }
    fs.writeFileSync(installed, wanted);
  }
  return path.join(folder, 'node_modules');
}

module.exports = { install, skip };
