// SCIMMY's routers over a map in memory: the least that an application has to add to them. A userName
// is unique, as in every SCIM server; nothing is written to disk.
//
// NODE_PATH names its modules. Prints the address once it listens; ends with its standard input.
const { randomUUID } = require("node:crypto");
const express = require("express");
const SCIMMY = require("scimmy").default ?? require("scimmy");
const Routers = require("scimmy-routers").default ?? require("scimmy-routers");

const users = new Map();
const names = new Map();

SCIMMY.Resources.declare(SCIMMY.Resources.User)
  .ingress((resource, instance) => {
    const id = resource.id ?? randomUUID();
    const name = instance.userName.toLowerCase();
    if ((names.get(name) ?? id) !== id) {
      throw new SCIMMY.Types.Error(409, "uniqueness", "the userName is taken");
    }
    names.set(name, id);
    users.set(id, { ...instance, id });
    return users.get(id);
  })
  .egress((resource) => (resource.id ? users.get(resource.id) : [...users.values()]))
  .degress((resource) => {
    names.delete(users.get(resource.id)?.userName.toLowerCase());
    users.delete(resource.id);
  });
SCIMMY.Resources.User.extend(SCIMMY.Schemas.EnterpriseUser, false);

const app = express();
app.use("/scim", new Routers({ type: "bearer", handler: () => "bench" }));
const server = app.listen(0, "127.0.0.1", () => {
  console.log(`127.0.0.1:${server.address().port}`);
});
process.stdin.on("end", () => process.exit()).resume();
