#!/usr/bin/env node
// Not made by the build: npm links a command only if its file is there at the install, and in a clone nothing is built
// then. The published package has the build alone, and a clone runs the source.
import { existsSync } from "node:fs";

const source = new URL("../cli/main.ts", import.meta.url);
await import(existsSync(source) ? source.href : "../dist/main.js");
