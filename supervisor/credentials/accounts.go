package credentials

import (
	"bytes"
	"fmt"
	"strconv"
	"text/template"

	"missioncontrol/supervisor/roles"
)

// The names of accounts in the files for an external broker.
const (
	missionsAccount = "MISSIONS"
	clientsAccount  = "CLIENTS"
	systemAccount   = "SYS"
)

func accountName(a roles.Account) string {
	return map[roles.Account]string{roles.Missions: missionsAccount, roles.Clients: clientsAccount, roles.SystemAccount: systemAccount}[a]
}

// accountsTemplate is the template of a part of nats-server's configuration.
var accountsTemplate = template.Must(template.New("accounts").Funcs(template.FuncMap{"quote": strconv.Quote}).Parse(
	`# Accounts and permissions of this broker. Generated from users.yaml: change that file, then run
# ` + "`supervisor auth render`" + ` and reload the broker: nats-server --signal reload
#
# The supervisor, agents and admins are in MISSIONS, where the streams are. Viewers and
# operators are in CLIENTS. They can use the imports from MISSIONS below, as far as their
# permissions allow. See docs/OPERATIONS.md, "Access control".
system_account: SYS
accounts {
  SYS {
    users [{{template "users" .System}}
    ]
  }
  MISSIONS {
    jetstream: enabled
    exports [{{range .Shares}}
      { {{if .Events}}stream{{else}}service{{end}}: {{quote .Subject}}, accounts: [CLIENTS]{{if .Many}}, response_type: stream{{end}} }{{end}}
    ]
    users [{{template "users" .Missions}}
    ]
  }
  CLIENTS {
    imports [{{range .Shares}}
      { {{if .Events}}stream{{else}}service{{end}}: { account: MISSIONS, subject: {{quote .Subject}} } }{{end}}
    ]
    users [{{template "users" .Clients}}
    ]
  }
}
{{define "users"}}{{range .}}
      # {{.Name}}: {{.Role}}
      { {{if .NKey}}nkey: {{quote .NKey}}{{else}}user: {{quote .Name}}, password: {{quote .PasswordHash}}{{end}}{{with .Permissions}}
        permissions {
          publish: { allow: [{{range $i, $s := .Publish}}{{if $i}}, {{end}}{{quote $s}}{{end}}] }
          subscribe: { allow: [{{range $i, $s := .Subscribe}}{{if $i}}, {{end}}{{quote $s}}{{end}}] }
        }{{end}} }{{end}}{{end}}`))

// permitted is a user with the permissions of its role.
type permitted struct{ User }

// Permissions returns the user's permissions.
func (p permitted) Permissions() roles.Permissions { return p.Role.Permissions(p.Name) }

// Accounts returns the part of nats-server's configuration that defines these users and
// their permissions.
func Accounts(users []User) ([]byte, error) {
	if err := checkUsers(users); err != nil {
		return nil, err
	}
	var view struct {
		Shares                    []roles.Share
		System, Missions, Clients []permitted
	}
	view.Shares = roles.Shares()
	for _, u := range users {
		switch u.Role.Account() {
		case roles.SystemAccount:
			view.System = append(view.System, permitted{u})
		case roles.Clients:
			view.Clients = append(view.Clients, permitted{u})
		case roles.Missions:
			view.Missions = append(view.Missions, permitted{u})
		}
	}
	var out bytes.Buffer
	if err := accountsTemplate.Execute(&out, view); err != nil {
		return nil, fmt.Errorf("the accounts cannot be written: %w", err)
	}
	return out.Bytes(), nil
}
