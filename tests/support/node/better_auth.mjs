// A Better Auth server for tests, and the switches that a test needs: rotate the keys, take the JWKS away,
// hand out the private key. Started by tests/support/better_auth.py.
//
//   node better_auth.mjs '{"addresses": ["127.0.0.1"], "port": 4000, "baseURL": "https://auth.example.com"}'
//
// With "resource", the address of an MCP server, it is that server's authorization server too.

import { createServer } from "node:http";
import { mcp } from "@better-auth/mcp";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import { bearer, jwt } from "better-auth/plugins";

const { addresses, port, baseURL, secret, resource } = JSON.parse(process.argv[2]);

const models = ["Client", "Resource", "ClientResource", "RefreshToken", "AccessToken", "Consent", "ClientAssertion"];
const tables = { user: [], session: [], account: [], verification: [], jwks: [] };
for (const model of resource ? models : []) tables[`oauth${model}`] = [];
// The plugin reads this object at every use, so a new algorithm holds from the next key on.
const keyOptions = { keyPairConfig: { alg: "EdDSA", crv: "Ed25519" }, disablePrivateKeyEncryption: true };

const authorizationServer = () =>
  mcp({
    loginPage: "/login",
    consentPage: "/consent",
    resource,
    allowDynamicClientRegistration: true,
    allowUnauthenticatedClientRegistration: true,
  });

const auth = betterAuth({
  baseURL,
  secret,
  database: memoryAdapter(tables),
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  trustedOrigins: [baseURL],
  plugins: [jwt({ jwks: keyOptions }), bearer(), ...(resource ? [authorizationServer()] : [])],
});
const handleAuth = toNodeHandler(auth);

const jwks = { mode: "up", requests: 0 };

// The switches; everything else goes to Better Auth itself.
const switches = {
  // What expiry does after `rotationInterval`: the next signing mints a key, the old ones stay listed.
  rotate: ({ alg = "EdDSA" }) => {
    keyOptions.keyPairConfig = alg === "EdDSA" ? { alg, crv: "Ed25519" } : { alg };
    for (const key of tables.jwks) key.expiresAt = new Date(Date.now() - 1000);
  },
  // "up", "down" (503), "hang" (accepts and stays silent) or "garbage" (200, not JSON).
  jwks: ({ mode }) => {
    jwks.mode = mode;
  },
  // The newest key with its private half, for tokens that are wrong in everything but the signature.
  key: () => {
    const { id, alg, privateKey } = tables.jwks.at(-1);
    return { kid: id, alg, jwk: JSON.parse(privateKey) };
  },
  requests: () => ({ jwks: jwks.requests }),
};

async function readJson(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text ? JSON.parse(text) : {};
}

async function handle(request, response) {
  if (request.url.startsWith("/switch/")) {
    const result = await switches[request.url.slice("/switch/".length)](await readJson(request));
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(result ?? {}));
    return;
  }
  if (request.url === "/api/auth/jwks") {
    jwks.requests += 1;
    if (jwks.mode === "hang") return;
    if (jwks.mode !== "up") {
      response.statusCode = jwks.mode === "down" ? 503 : 200;
      response.end("<html>temporarily unavailable</html>");
      return;
    }
  }
  await handleAuth(request, response);
}

for (const address of addresses) {
  createServer((request, response) => {
    handle(request, response).catch((error) => {
      console.error(error);
      response.statusCode = 500;
      response.end(String(error));
    });
  }).listen(port, address);
}
