// Speak to an MCP server with the official TypeScript client and print what came back as one JSON document.
//
//   node mcp_client.mjs '{"package": "@modelcontextprotocol/sdk", "url": "http://…/mcp", "token": "…",
//                         "calls": [{"name": "add_task", "arguments": {"title": "x"}}]}'
//
// With "hold": true it says "connected" after the calls and stays connected until its input ends.
// With "redirect" instead of a token it authorizes itself by OAuth: it prints the address for the browser on a
// line, reads the address that the browser was sent to from a line, and adds the token to the document.

import { createInterface } from "node:readline/promises";

const { package: name, url, token, redirect, calls = [], hold = false } = JSON.parse(process.argv[2]);

// The second generation of the SDK exports everything from its root, the first from two modules.
const { Client, StreamableHTTPClientTransport } =
  name === "@modelcontextprotocol/sdk"
    ? {
        ...(await import("@modelcontextprotocol/sdk/client/index.js")),
        ...(await import("@modelcontextprotocol/sdk/client/streamableHttp.js")),
      }
    : await import(name);

const headers = token ? { Authorization: `Bearer ${token}` } : {};
let client;
const outcome = { results: [] };

// The client's memory of its registration, its tokens and its flow.
const kept = {};
const authProvider = redirect && {
  redirectUrl: redirect,
  clientMetadata: {
    client_name: "drydock-tests",
    application_type: "native",
    redirect_uris: [redirect],
    token_endpoint_auth_method: "none",
    grant_types: ["authorization_code", "refresh_token"],
    response_types: ["code"],
  },
  state: () => crypto.randomUUID(),
  clientInformation: () => kept.client,
  saveClientInformation: (client) => void (kept.client = client),
  tokens: () => kept.tokens,
  saveTokens: (tokens) => void (kept.tokens = tokens),
  codeVerifier: () => kept.verifier,
  saveCodeVerifier: (verifier) => void (kept.verifier = verifier),
  redirectToAuthorization: (address) => void (kept.authorization = address),
  discoveryState: () => kept.discovery,
  saveDiscoveryState: (discovery) => void (kept.discovery = discovery),
};

async function connect() {
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers }, authProvider });
  client = new Client({ name: "drydock-tests", version: "1.0.0" });
  try {
    await client.connect(transport);
  } catch (error) {
    if (!kept.authorization) throw error;
    console.log(String(kept.authorization));
    const lines = createInterface({ input: process.stdin });
    const [line] = await new Promise((resolve) => lines.once("line", (...read) => resolve(read)));
    lines.close();
    kept.authorization = undefined;
    const { searchParams } = new URL(line);
    await transport.finishAuth(name === "@modelcontextprotocol/sdk" ? searchParams.get("code") : searchParams);
    await connect();
  }
}

try {
  await connect();
  outcome.token = kept.tokens?.access_token;
  outcome.server = client.getServerVersion();
  outcome.tools = (await client.listTools()).tools;
  for (const call of calls) outcome.results.push(await client.callTool(call));
  if (hold) {
    console.log("connected");
    await new Promise((resolve) => process.stdin.resume().on("end", resolve));
  }
  await client.close();
} catch (error) {
  outcome.error = { name: error.name, message: String(error.message), code: error.code };
}
console.log(JSON.stringify(outcome));
