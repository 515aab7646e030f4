#!/usr/bin/env node
// Only this file has to be run by a Node of any age: it says one sentence, or hands over to the launcher.
const { version } = process;
if (Number(version.slice(1).split('.')[0]) < 18) {
  process.stderr.write(
    `hauberk: this is Node ${version}: install Node 20 or later (https://nodejs.org) and try again\n`,
  );
  process.exit(69);
} else {
  import('./launch.mjs');
}
