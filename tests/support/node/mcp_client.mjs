// Speak to an MCP server with the official TypeScript client and print what came back as one JSON document.
//
//   node mcp_client.mjs '{"package": "@modelcontextprotocol/sdk", "url": "http://…/mcp", "token": "…",
//                         "calls": [{"name": "add_task", "arguments": {"title": "x"}}]}'
//
// With "hold": true it says "connected" after the calls and stays connected until its input ends.

const { package: name, url, token, calls = [], hold = false } = JSON.parse(process.argv[2]);

// The second generation of the SDK exports everything from its root, the first from two modules.
const { Client, StreamableHTTPClientTransport } =
  name === "@modelcontextprotocol/sdk"
    ? {
        ...(await import("@modelcontextprotocol/sdk/client/index.js")),
        ...(await import("@modelcontextprotocol/sdk/client/streamableHttp.js")),
      }
    : await import(name);

const headers = token ? { Authorization: `Bearer ${token}` } : {};
const client = new Client({ name: "drydock-tests", version: "1.0.0" });
const outcome = { results: [] };
try {
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
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
