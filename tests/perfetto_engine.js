// Perfetto's trace processor (the WebAssembly build that the Perfetto UI runs in a worker) behind a unix socket.
// usage: node perfetto_engine.js FOLDER SOCKET   FOLDER holds engine_bundle.js and its .wasm files
// Each line of its input is the path of a trace to load in place of the one before; it answers READY, then serves it.
"use strict";
const fs = require("fs");
const net = require("net");
const path = require("path");
const readline = require("readline");
const vm = require("vm");

const [folder, socket] = process.argv.slice(2);
const APPEND_TRACE = 1, FINALIZE = 2, GET_STATUS = 7, RESET = 11; // TraceProcessorRpc.TraceProcessorMethod
const APPEND_TRACE_DATA = 101; // field of TraceProcessorRpc
const CHUNK = 16 << 20;
const READY_TRIES = 600, READY_EVERY_MS = 20;

process.on("uncaughtException", (error) => {
  console.error(String((error && error.stack) || error).slice(0, 2000));
  process.exit(1);
});

function readAsset(url) {
  return fs.readFileSync(path.join(folder, path.basename(String(url))));
}

class Request {
  open(_method, url) { this.url = url; }
  send() {
    const data = readAsset(this.url);
    this.status = 200;
    this.response = data.buffer.slice(data.byteOffset, data.byteOffset + data.length);
  }
}

// The bundle expects to run in a worker: give it a worker's globals and none of node's.
const worker = { location: { href: "file:///engine_bundle.js", protocol: "file:", host: "" } };
const say = (...words) => process.stderr.write(words.join(" ") + "\n");
const globals = {
  self: worker, location: worker.location, importScripts() {}, WorkerGlobalScope: function () {},
  window: undefined, document: undefined, process: undefined, require: undefined, module: undefined,
  console: { log() {}, info() {}, debug() {}, warn: say, error: say },
  fetch: async (url) => new Response(readAsset(url), { headers: { "Content-Type": "application/wasm" } }),
  XMLHttpRequest: Request,
};
const source = fs.readFileSync(path.join(folder, "engine_bundle.js"), "utf8");
const run = vm.runInThisContext(`(function (${Object.keys(globals).join(", ")}) {${source}\n})`);
run(...Object.values(globals));

let answers = [];
let client = null;
const port = {
  onmessage: null,
  postMessage(data) { client ? client.write(Buffer.from(data)) : answers.push(data); },
};
worker.onmessage({ data: port });

function varint(number) {
  const bytes = [];
  for (; number > 127; number = Math.floor(number / 128)) bytes.push((number & 127) | 128);
  return Buffer.from([...bytes, number]);
}

let sequence = 0;
function call(method, payload) {
  const parts = [Buffer.from([1 << 3]), varint(sequence++), Buffer.from([2 << 3]), varint(method)];
  if (payload) parts.push(varint((APPEND_TRACE_DATA << 3) | 2), varint(payload.length), payload);
  const body = Buffer.concat(parts);
  port.onmessage({ data: new Uint8Array(Buffer.concat([Buffer.from([(1 << 3) | 2]), varint(body.length), body])) });
}

async function started() {
  for (let i = 0; i < READY_TRIES && !answers.length; i++) {
    await new Promise((done) => setTimeout(done, READY_EVERY_MS));
    try { call(GET_STATUS); } catch (error) { if (i === READY_TRIES - 1) throw error; }
  }
}

function load(trace) {
  sequence = 0;
  call(RESET);
  const file = fs.openSync(trace, "r");
  const buffer = Buffer.alloc(CHUNK);
  for (let read; (read = fs.readSync(file, buffer, 0, CHUNK, null)) > 0;) {
    call(APPEND_TRACE, buffer.subarray(0, read));
  }
  fs.closeSync(file);
  call(FINALIZE);
  answers = [];
  console.log("READY");
}

function serve() {
  const server = net.createServer((connection) => {
    client = connection;
    connection.on("data", (data) => port.onmessage({ data: new Uint8Array(data) }));
    connection.on("close", () => { if (client === connection) client = null; });
    connection.on("error", () => connection.destroy());
  });
  server.listen(socket, () => {
    const lines = readline.createInterface({ input: process.stdin });
    lines.on("line", load);
    lines.on("close", () => process.exit(0));
  });
}

started().then(serve);
