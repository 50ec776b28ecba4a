// Prints what each module named on the command line exports, for code that does not know `import`.
const exported = {};
for (const name of process.argv.slice(2)) exported[name] = Object.keys(require(name)).sort();
console.log(JSON.stringify(exported));
