// Package auth makes and prints the credentials of users, as files that a broker and a
// supervisor read.
package auth

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/supervisor/credentials"
	"missioncontrol/supervisor/roles"
)

// defaultAuthDir is where files for your own broker are kept by default.
const defaultAuthDir = "missioncontrol-auth"

// Command returns the command auth, which has the others.
func Command(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "auth",
		GroupID: ui.GroupRun,
		Short:   "Manage users of the broker and tokens for HTTP",
		Long: `Manage users of the broker and tokens for HTTP. The roles are:

  viewer      sees everything, changes nothing
  operator    a viewer who also creates and controls missions, limits and schedules
  agent       works on missions, as the agent whose ID is the user's name
  admin       everything, including JetStream
  supervisor  the supervisor itself, on your own broker
  system      the system account of your own broker, which reports dead agents

For the embedded broker, users are in a file for serve's --users-file. For your own
broker, init creates a directory with its configuration. Tokens for HTTP are in a file
for serve's --tokens-file.

Each secret is written to its own file, which only you can read. It is not printed unless
you give --show. Nothing is overwritten.`,
		Example: `  supervisor auth add operator mary --users users.yaml
  supervisor serve --users-file users.yaml
  supervisor auth init --dir auth && supervisor auth add agent resizer-1 --dir auth
  supervisor auth token viewer grafana --tokens tokens.yaml`,
	}
	cmd.AddCommand(initCommand(c), addCommand(c), tokenCommand(c), renderCommand(c))
	ui.SubcommandOnly(cmd)
	return cmd
}

func initCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Create the configuration of your own broker, with users",
		Long: `Create a directory with the configuration of a nats-server: accounts, and a user each for
the supervisor, its system account, an admin, an operator and a viewer. Use add to add
more users, such as one for each agent.

Users have passwords, or nkeys with --nkey. With --jwt, the broker has an operator, and
users have credentials files. Each role is then a signing key with the role's
permissions: with such a key, you can create users of that role only. Keep
keys/operator.nk and the keys of the accounts somewhere else; the broker needs none of
them.`,
		Example: `  supervisor auth init
  supervisor auth init --dir auth --jwt`,
		Args: ui.NoArguments,
	}
	dir := dirFlag(cmd)
	nkey := cmd.Flags().Bool("nkey", false, "give users nkeys instead of passwords")
	asJWT := cmd.Flags().Bool("jwt", false, "give users credentials files with JWTs")
	cmd.RunE = func(*cobra.Command, []string) error {
		kind := credentials.Passwords
		switch {
		case *nkey && *asJWT:
			return ui.Usagef("--nkey and --jwt are alternatives; give only one")
		case *nkey:
			kind = credentials.NKeys
		case *asJWT:
			kind = credentials.JWTs
		}
		d := credentials.Dir(*dir)
		if err := d.Init(kind); err != nil {
			return err
		}
		c.Out.Printf("Created %s. Start the broker with: nats-server --config %s\n", d, filepath.Join(*dir, "nats.conf"))
		c.Out.Printf("The secrets are in %s: %s\n", d.Secrets(), list(credentials.DefaultUsers()))
		c.Out.Printf("Add agents with: supervisor auth add agent ID --dir %s\n", d)
		return nil
	}
	return cmd
}

func list(all []roles.Role) string {
	names := make([]string, len(all))
	for i, role := range all {
		names[i] = string(role)
	}
	return strings.Join(names, ", ")
}

func dirFlag(cmd *cobra.Command) *string {
	return cmd.Flags().String("dir", defaultAuthDir, "the `DIR` with the files for your own broker")
}

func addCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add ROLE NAME",
		Short: "Add a user to the broker",
		Long: `Add a user to the broker: to the directory that init created or, with --users, to a file
for the embedded broker, which is created if it does not exist. An agent's NAME is its
ID.

The secret is written next to it: a password to NAME.password; with --nkey, the seed of
an nkey to NAME.nk; in a directory created with --jwt, credentials to NAME.creds.`,
		Example: `  supervisor auth add agent resizer-1 --users users.yaml
  supervisor auth add operator mary --dir auth
  supervisor auth add viewer wall --users users.yaml --nkey`,
		Args: ui.Arguments(2, 2, "a ROLE and a NAME"), ValidArgsFunction: roleNames(roles.All()),
	}
	dir := dirFlag(cmd)
	users := cmd.Flags().String("users", "", "add to this `FILE`, for --users-file of serve")
	nkey := cmd.Flags().Bool("nkey", false, "use an nkey instead of a password")
	show := showFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		role, err := roleAndName(args, roles.All())
		if err != nil {
			return err
		}
		if *users != "" && cmd.Flags().Changed("dir") {
			return ui.Usagef("--dir and --users are alternatives; give only one")
		}
		var secret credentials.Secret
		var path, reread string
		if *users != "" {
			secret, path, err = addUser(role, args[1], *users, *nkey)
			reread = "a supervisor that runs with it reads it within seconds"
		} else {
			secret, path, err = credentials.Dir(*dir).Add(role, args[1], *nkey)
			reread = "reload a running broker with: nats-server --signal reload"
			if secret.Kind == "creds" {
				reread = "the broker needs no change"
			}
		}
		if err != nil {
			return authError(err)
		}
		added(c, "the "+string(role)+" "+args[1], path, reread, secret, *show)
		return nil
	}
	return cmd
}

// addUser adds a user to a file for the embedded broker and writes the secret next to it.
func addUser(role roles.Role, name, file string, nkey bool) (credentials.Secret, string, error) {
	if role == roles.System || role == roles.Supervisor {
		return credentials.Secret{}, "", ui.Usagef("the embedded broker has no user with the role %s; use --dir for your own broker", role)
	}
	user, secret, err := credentials.NewUser(role, name, nkey)
	if err != nil {
		return secret, "", err
	}
	path, err := secret.Keep(filepath.Dir(file), name, func() error { return credentials.AddUser(file, user) })
	return secret, path, err
}

func tokenCommand(c *ui.Console) *cobra.Command {
	some := []roles.Role{roles.Viewer, roles.Operator, roles.Agent, roles.Admin}
	cmd := &cobra.Command{
		Use:   "token ROLE NAME --tokens FILE",
		Short: "Create a bearer token for HTTP",
		Long: `Create a bearer token for HTTP, and add its hash to a file for serve's --tokens-file,
which is created if it does not exist. NAME identifies the owner; for an agent, it is the
agent's ID, and the token allows only the requests of this agent. The token itself is
written to NAME.token, next to the file.`,
		Example: `  supervisor auth token viewer grafana --tokens tokens.yaml
  supervisor auth token agent w1 --tokens tokens.yaml
  curl -H "Authorization: Bearer $(cat grafana.token)" http://127.0.0.1:8080/metrics`,
		Args: ui.Arguments(2, 2, "a ROLE and a NAME"), ValidArgsFunction: roleNames(some),
	}
	file := cmd.Flags().String("tokens", "", "add to this `FILE`")
	show := showFlag(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		role, err := roleAndName(args, some)
		if err != nil {
			return err
		}
		if *file == "" {
			return ui.Usagef("--tokens is required: the FILE for serve's --tokens-file")
		}
		token, secret, err := credentials.NewToken(role, args[1])
		if err != nil {
			return err
		}
		path, err := secret.Keep(filepath.Dir(*file), args[1], func() error { return credentials.AddToken(*file, token) })
		if err != nil {
			return authError(err)
		}
		added(c, "the token "+args[1]+" with the role "+string(role), path, "a supervisor that runs with it reads it within seconds", secret, *show)
		return nil
	}
	return cmd
}

func renderCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "render",
		Short: "Rewrite a broker's accounts from the list of its users",
		Long: `Rewrite accounts.conf from users.yaml in the same directory. Do this after you remove a
user, or after an update that changes the permissions of roles. With JWTs, rewrite
operator.conf from the keys in the directory; users keep their credentials.`,
		Example: `  supervisor auth render --dir auth && nats-server --signal reload`,
		Args:    ui.NoArguments,
	}
	dir := dirFlag(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		path, err := credentials.Dir(*dir).Render()
		if err != nil {
			return err
		}
		c.Out.Printf("Wrote %s; reload a running broker with: nats-server --signal reload\n", path)
		return nil
	}
	return cmd
}

func showFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("show", false, "also print the secret")
}

// added reports what was added, and shows the secret if show is set.
func added(c *ui.Console, what, path, reread string, secret credentials.Secret, show bool) {
	c.Out.Printf("Added %s; its secret is in %s (%s)\n", what, path, reread)
	if show {
		c.Out.Printf("%s", secret.Text)
	}
}

// roleAndName checks the arguments of commands that add a user.
func roleAndName(args []string, some []roles.Role) (roles.Role, error) {
	role := roles.Role(args[0])
	if err := ui.OneOf(args[0], strings.Split(list(some), ", ")...); err != nil {
		return role, ui.Usagef("ROLE: %v", err)
	}
	if err := roles.CheckName(args[1]); err != nil {
		return role, ui.Usagef("%v", err)
	}
	return role, nil
}

// authError adds advice to the error for a name that is taken.
func authError(err error) error {
	if errors.Is(err, credentials.ErrExists) {
		return fmt.Errorf("%w; choose another name, or remove the old one first", err)
	}
	return err
}

// roleNames completes roles. It completes nothing for names.
func roleNames(some []roles.Role) ui.Completer {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return ui.CompleteNothing(cmd, args, begun)
		}
		return ui.CompleteWords(strings.Split(list(some), ", ")...)(cmd, args, begun)
	}
}
