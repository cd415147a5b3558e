// A Vendure shop in one file: `node vendure_shop.js fill PRODUCTS` makes and fills its tables, `node vendure_shop.js serve` serves it.
// DATABASE_URL, PORT and WORKERS as in the environment. As its documentation sets it up: dummy payment, job queue in the database.
const cluster = require("node:cluster");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const {
  DefaultJobQueuePlugin, DefaultLogger, DefaultSearchPlugin, LogLevel, bootstrap, bootstrapWorker, dummyPaymentHandler, LanguageCode,
} = require("@vendure/core");

const url = new URL(process.env.DATABASE_URL);
const fills = process.argv[2] === "fill";
const config = {
  apiOptions: { port: Number(process.env.PORT || 3000), hostname: "127.0.0.1", shopApiPath: "shop-api", adminApiPath: "admin-api" },
  authOptions: {
    tokenMethod: "bearer",
    superadminCredentials: { identifier: "bench", password: "a-shop-to-measure" },
    cookieOptions: { secret: "bench" },
  },
  dbConnectionOptions: {
    type: "postgres", host: url.hostname, port: Number(url.port), username: url.username, password: url.password,
    database: url.pathname.slice(1), synchronize: fills, logging: false,
  },
  importExportOptions: { importAssetsDir: os.tmpdir() },
  logger: new DefaultLogger({ level: LogLevel.Warn }),
  paymentOptions: { paymentMethodHandlers: [dummyPaymentHandler] },
  plugins: [DefaultJobQueuePlugin.init({ useDatabaseForBuffer: true }), DefaultSearchPlugin.init({ bufferUpdates: false })],
};

const initialData = {
  defaultLanguage: LanguageCode.en,
  defaultZone: "Asia",
  countries: [{ name: "Korea", code: "KR", zone: "Asia" }],
  roles: [],
  taxRates: [{ name: "Standard Tax", percentage: 10 }],
  shippingMethods: [{ name: "Standard Shipping", price: 0 }],
  paymentMethods: [{ name: "Standard Payment", handler: { code: dummyPaymentHandler.code, arguments: [{ name: "automaticSettle", value: "true" }] } }],
  collections: [],
};

async function fill(products) {
  const { populate } = require("@vendure/core/cli");
  const csv = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "vendure-")), "products.csv");
  const head = "name,slug,description,assets,facets,optionGroups,optionValues,sku,price,taxCategory,stockOnHand,trackInventory,variantAssets,variantFacets";
  const rows = Array.from({ length: products }, (_, n) => `Drill ${n},drill-${n},With two batteries.,,,,,sku-${n},80.00,standard,10000000,true,,`);
  fs.writeFileSync(csv, [head, ...rows].join("\n") + "\n");
  const app = await populate(() => bootstrap(config), initialData, csv);
  await app.close();
  process.exit(0);
}

async function serve() {
  if (!cluster.isPrimary) {
    await bootstrap(config);
    return;
  }
  for (let n = 0; n < Number(process.env.WORKERS || 2); n++) cluster.fork();
  const worker = await bootstrapWorker(config);
  await worker.startJobQueue();
}

(fills ? fill(Number(process.argv[3])) : serve()).catch((error) => {
  console.error(error);
  process.exit(1);
});
