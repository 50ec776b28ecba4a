// Prints what each module named on the command line exports.
const exported = {};
for (const name of process.argv.slice(2)) exported[name] = Object.keys(await import(name)).sort();
console.log(JSON.stringify(exported));
