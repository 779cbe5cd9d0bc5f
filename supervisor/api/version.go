package api

// DevVersion is the version of builds without another one.
const DevVersion = "0.1.0-dev"
