"use strict";
/* An OPC UA server of another stack: `node server.js FOLDER PORT`, Sign and SignAndEncrypt only, for the user tower.
   FOLDER holds server.pem and server.key. Prints READY, then every call it gets. */
const path = require("path");
const { OPCUAServer } = require("node-opcua-server");
const { OPCUACertificateManager } = require("node-opcua-certificate-manager");
const { DataType, Variant } = require("node-opcua-variant");
const { StatusCodes } = require("node-opcua-status-code");
const { MessageSecurityMode, SecurityPolicy } = require("node-opcua-secure-channel");

const [folder, port] = [process.argv[2], Number(process.argv[3])];
const URI = "urn:tests:thing";

async function main() {
  const trust = () => new OPCUACertificateManager({ automaticallyAcceptUnknownCertificate: true, rootFolder: path.join(folder, "pki") });
  const server = new OPCUAServer({
    port,
    hostname: "127.0.0.1",
    certificateFile: path.join(folder, "server.pem"),
    privateKeyFile: path.join(folder, "server.key"),
    serverCertificateManager: trust(),
    userCertificateManager: trust(),
    serverInfo: { applicationUri: "urn:tests:server" },
    securityModes: [MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt],
    securityPolicies: [SecurityPolicy.Basic256Sha256, SecurityPolicy.Aes128_Sha256_RsaOaep, SecurityPolicy.Aes256_Sha256_RsaPss],
    allowAnonymous: false,
    userManager: { isValidUser: (user, password) => user === "tower" && password === "s3cret" },
  });
  await server.initialize();
  const space = server.engine.addressSpace;
  space.registerNamespace("urn:tests:other");
  const own = space.registerNamespace(URI);
  const thing = own.addObject({ organizedBy: space.rootFolder.objects, browseName: "Thing" });
  const variable = (browseName, dataType, value) => own.addVariable({
    componentOf: thing, browseName, dataType, minimumSamplingInterval: 50,
    value: { dataType: DataType[dataType], value },
  });
  variable("Power", "Double", 12.5);
  variable("Word", "UInt16", 7);
  const limit = variable("Limit", "Float", 50);
  const method = own.addMethod(thing, {
    browseName: "SetLimit",
    inputArguments: [{ name: "value", dataType: DataType.Float }],
    outputArguments: [],
  });
  method.bindMethod(([value], _context, done) => {
    console.log(`CALLED SetLimit ${DataType[value.dataType]}:${value.value}`);
    limit.setValueFromSource(new Variant({ dataType: DataType.Float, value: value.value }));
    done(null, { statusCode: StatusCodes.Good, outputArguments: [] });
  });
  await server.start();
  console.log("READY");
}

main().catch((error) => { console.error(error); process.exit(1); });
